"""What the pages for people work with, put together once by app.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from flask import Request
from werkzeug.wrappers import Response

from fhir_server.audit.security_event import SecurityEvent
from fhir_server.auth.decision import Decision
from fhir_server.auth.passkeys import RelyingParty
from fhir_server.auth.session import Logins
from fhir_server.auth.throttle import Origin, Throttle
from fhir_server.auth.upstream import Upstream
from fhir_server.interactions.messages import FhirRequest, FhirResponse
from fhir_server.policy.context import AccessContext
from fhir_server.storage.accounts import Account, Accounts
from fhir_server.storage.oauth.authorization_requests import AuthorizationRequests
from fhir_server.storage.oauth.clients import Clients
from fhir_server.storage.oauth.families import TokenFamilies
from fhir_server.storage.oauth.grants import Grants

FRESH = timedelta(minutes=10)
"""How long after a login its person may change how she logs in, or administrate."""


@dataclass(frozen=True, slots=True)
class People:
    """The parts of login, consent and their pages."""

    logins: Logins
    throttle: Throttle
    relying_party: RelyingParty
    upstream: Upstream
    requests: AuthorizationRequests
    clients: Clients
    grants: Grants
    families: TokenFamilies
    finish: Callable[[str, Decision], Response]
    """Ends an authorization request and returns the redirect to the app."""
    interact: Callable[[AccessContext, FhirRequest], FhirResponse]
    second_factor: str
    """required, or optional for all but administrators."""
    refresh_days: int
    record: Callable[[SecurityEvent], None]
    """Writes the audit trail of what happens to accounts and grants, before the answer leaves."""
    private_addresses: bool
    professions: Mapping[str, str]
    """Code of TRE_G15 → profession in words."""

    @property
    def accounts(self) -> Accounts:
        """The accounts of the people."""
        return self.logins.accounts

    def needs_second_factor(self, account: Account) -> bool:
        """Tells whether a password alone is not enough for an account."""
        return account.has_second_factor or self.needs_second_factor_by_rule(account)

    def needs_second_factor_by_rule(self, account: Account) -> bool:
        """Tells whether the account may not be without a second factor."""
        return account.kind == "administrator" or self.second_factor == "required"

    def origin(self, request: Request) -> Origin:
        """From where a request comes."""
        return Origin(request.remote_addr or "", self.logins.browser(request))
