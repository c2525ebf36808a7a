"""Everything that the authorization server keeps, in one place for those who need several."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.settings import Settings
from fhir_server.storage.attempts import Attempts
from fhir_server.storage.documents import Documents
from fhir_server.storage.oauth.access_tokens import AccessTokens
from fhir_server.storage.oauth.authorization_requests import AuthorizationRequests, PushedRequests
from fhir_server.storage.oauth.clients import Clients
from fhir_server.storage.oauth.codes import AuthorizationCodes
from fhir_server.storage.oauth.families import TokenFamilies
from fhir_server.storage.oauth.grants import Grants
from fhir_server.storage.oauth.launches import Launches
from fhir_server.storage.oauth.replays import Replays
from fhir_server.storage.oauth.signing_keys import SigningKeys


@dataclass(frozen=True, slots=True)
class Stores:
    """The collections of the authorization server."""

    clients: Clients
    requests: AuthorizationRequests
    pushed: PushedRequests
    codes: AuthorizationCodes
    families: TokenFamilies
    tokens: AccessTokens
    grants: Grants
    launches: Launches
    replays: Replays
    signing_keys: SigningKeys
    attempts: Attempts


def open_stores(documents: Documents, settings: Settings) -> Stores:
    """Returns the stores of one database with the lifetimes of the settings."""
    return Stores(
        clients=Clients(documents),
        requests=AuthorizationRequests(documents),
        pushed=PushedRequests(documents),
        codes=AuthorizationCodes(documents, settings.code_seconds),
        families=TokenFamilies(documents, settings.refresh_seconds),
        tokens=AccessTokens(documents),
        grants=Grants(documents),
        launches=Launches(documents, settings.launch_seconds),
        replays=Replays(documents),
        signing_keys=SigningKeys(documents),
        attempts=Attempts(documents),
    )
