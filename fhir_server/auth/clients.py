"""A registered client as Authlib asks about it: what it may do, and that it is who it says. RFC 6749 §2"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, InvalidRequestError

from fhir_server.auth.scopes import narrow
from fhir_server.storage.oauth.clients import Client

if TYPE_CHECKING:
    from fhir_server.auth.parameters import SmartRequest

METHODS = ("private_key_jwt", "client_secret_basic", "none")
CONFIDENTIAL = ("private_key_jwt", "client_secret_basic")
HIGH_ASSURANCE = "high-assurance"


class RegisteredClient(ClientMixin):
    """One client of the registry."""

    def __init__(self, row: Client) -> None:
        self.row = row
        self.client_id = str(row.client_id)
        self.is_public = row.auth_method == "none"
        self.is_high_assurance = row.profile == HIGH_ASSURANCE

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: SMART makes redirect_uri compulsory, and a default would hide a mistake."""
        return

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Returns what of the asked scopes the client may be granted; None for nothing."""
        return " ".join(self.narrow((scope or "").split())) or None

    def narrow(self, scopes: list[str]) -> list[str]:
        """Returns what of these scopes the client may be granted."""
        return narrow(scopes, str(self.row.scope).split())

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Compares character by character; only the port of a loopback address may differ (RFC 8252 §7.3)."""
        return any(_is_same(redirect_uri, registered) for registered in self.row.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return self.row.check_secret(client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return bool(self.row.auth_method == method)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.row.grant_types


def check_credentials(request: SmartRequest) -> None:
    """Refuses a request that authenticates in two ways, or in a way that cannot be read. RFC 6749 §2.3"""
    header = request.headers.get("Authorization", "")
    given = [bool(header), "client_assertion" in request.form, "client_secret" in request.form]
    if sum(given) > 1:
        raise InvalidRequestError("The request authenticates the client in more than one way.")
    if "client_secret" in request.form:
        raise InvalidClientError(description="Send the secret by HTTP Basic, not in the body.")
    if header and not header.isascii():
        raise InvalidClientError(description="The Authorization header cannot be read.")


def check_client_id(client: RegisteredClient, request: SmartRequest) -> None:
    """Refuses a client_id parameter that names another client than the one that proved itself."""
    if request.form.get("client_id", client.client_id) != client.client_id:
        raise InvalidClientError(description="client_id is not the client that authenticated.")


def _is_same(given: str, registered: str) -> bool:
    if given == registered:
        return True
    try:
        asked, known = urlsplit(given), urlsplit(registered)
        return _is_portless_loopback(known) and asked.port is not None and _without_port(asked) == known
    except ValueError:
        return False


def _is_portless_loopback(uri: SplitResult) -> bool:
    if uri.scheme != "http" or uri.port is not None or not uri.hostname:
        return False
    try:
        return ipaddress.ip_address(uri.hostname).is_loopback
    except ValueError:
        return False


def _without_port(uri: SplitResult) -> SplitResult:
    suffix = f":{uri.port}"
    return uri._replace(netloc=uri.netloc.removesuffix(suffix))


def client_facts(row: Client) -> dict[str, Any]:
    """Returns what a person may know of a client before deciding."""
    return {
        name: getattr(row, name)
        for name in ("client_id", "name", "client_uri", "logo_uri", "tos_uri", "policy_uri")
    }
