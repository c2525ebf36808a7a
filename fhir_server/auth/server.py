"""The authorization server: Authlib with our stores, our clients and our answers. RFC 6749

https://docs.authlib.org/en/stable/flask/2/authorization-server.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidClientError, OAuth2Error
from flask import Response

from fhir_server.audit.record import AuditRecorder
from fhir_server.audit.security_event import SecurityEvent
from fhir_server.auth.client_assertion import ClientAssertion
from fhir_server.auth.clients import RegisteredClient
from fhir_server.auth.grants.authorization_code import CodeGrant
from fhir_server.auth.grants.client_credentials import SystemGrant
from fhir_server.auth.grants.refresh_token import RefreshGrant
from fhir_server.auth.id_token import IdTokens
from fhir_server.auth.key_sets import KeySets
from fhir_server.auth.keys import Keys
from fhir_server.auth.limits import Limits
from fhir_server.auth.parameters import SmartRequest
from fhir_server.auth.pkce import Pkce
from fhir_server.auth.stores import Stores
from fhir_server.auth.tokens import TokenIssuer
from fhir_server.fhir.json import encode_json
from fhir_server.settings import Settings

NO_STORE = (
    ("Cache-Control", "no-store"),
    ("Pragma", "no-cache"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


class SmartServer(AuthorizationServer):
    """Issues tokens for one FHIR base."""

    def __init__(self, settings: Settings, stores: Stores, audit: AuditRecorder) -> None:
        super().__init__()
        self.issuer = settings.issuer_url
        self.base_url = settings.base_url
        self.stores = stores
        self.audit = audit
        self.keys = Keys(stores.signing_keys, settings.signing_key_days, settings.signing_key)
        self.id_tokens = IdTokens(self.issuer, self.base_url, self.keys)
        self.key_sets = KeySets(private_addresses=settings.private_addresses)
        self.issuer_of_tokens = TokenIssuer(
            stores, self.id_tokens, audit, settings.access_token_seconds, settings.system_token_seconds
        )
        self.is_session_alive: Callable[[str], bool] = lambda session_id: False
        """Tells whether a browser session lives; set by who keeps the sessions."""
        self.limits = Limits(
            stores.attempts,
            audit,
            lambda client_id: stores.clients.find_active(client_id) is not None,
            settings.client_requests_per_minute,
        )
        audiences = [f"{self.issuer}/token", self.issuer, f"{self.issuer}/par"]
        assertion = ClientAssertion(audiences, self.key_sets, stores.replays)
        self.register_client_auth_method(ClientAssertion.CLIENT_AUTH_METHOD, assertion)
        self.register_grant(CodeGrant, [Pkce()])
        self.register_grant(RefreshGrant)
        self.register_grant(SystemGrant)

    def query_client(self, client_id: str) -> RegisteredClient | None:
        """Returns a client that is registered, approved and not disabled."""
        row = self.stores.clients.find_active(client_id)
        return None if row is None else RegisteredClient(row)

    def create_oauth2_request(self, request: Any) -> SmartRequest:
        """Takes requests that `auth.parameters` has read."""
        if not isinstance(request, SmartRequest):
            raise TypeError("the parameters of this request were not checked")
        return request

    def handle_response(self, status_code: int, payload: Any, headers: Any) -> Response:
        """Returns an answer that nobody on the way may keep."""
        body = encode_json(payload) if isinstance(payload, dict) else payload
        response = Response(body, status_code, list(headers))
        response.headers.update(dict(NO_STORE))
        return response

    def handle_error_response(self, request: Any, error: OAuth2Error) -> Response:
        """Returns an error as RFC 6749 §5.2 wants it."""
        error.redirect_uri = None
        if isinstance(request, SmartRequest):
            self.limits.note_refusal(request, str(error.error))
        status, body, headers = error()
        if isinstance(error, InvalidClientError):
            status = 401
            headers = [(name, value) for name, value in headers if name != "WWW-Authenticate"]
            # Only to who tried it: browsers answer this header with a dialogue of their own.
            if request is not None and request.headers.get("Authorization"):
                headers.append(("WWW-Authenticate", 'Basic realm="auth"'))
        return self.handle_response(status, body, headers)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nothing listens: what must be recorded is recorded before the answer leaves."""

    def revoke_family(self, family_id: str, reason: str, request: SmartRequest) -> None:
        """Ends a family whose code or refresh token came a second time, and tells the audit trail."""
        family = self.stores.families.find(family_id)
        if family is None or not self.stores.families.revoke(family_id, reason):
            return
        self.audit.record_security(
            SecurityEvent(
                "token-reused",
                client_id=str(family.client_id),
                fhir_user=str(family.fhir_user),
                patient=str(family.patient),
                denied=reason,
                address=request.address,
                request_id=request.request_id,
            )
        )
