"""/introspect: what a token is worth now, with its launch context. RFC 7662

https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html
Asked by confidential clients about their own tokens, and about all by who holds the scope __introspect.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError

from fhir_server.auth.bearer import Authenticator
from fhir_server.auth.clients import CONFIDENTIAL
from fhir_server.auth.grants.token_grant import authenticate, require
from fhir_server.auth.parameters import SmartRequest
from fhir_server.auth.scopes import INTROSPECT
from fhir_server.auth.server import SmartServer
from fhir_server.errors import FhirError
from fhir_server.storage.oauth.access_tokens import AccessToken

INACTIVE = {"active": False}


class NotAllowed(OAuth2Error):
    """RFC 6750 §3.1"""

    error = "insufficient_scope"
    status_code = 403


def introspect(server: SmartServer, authenticator: Authenticator, request: SmartRequest) -> dict[str, Any]:
    """Returns what the token of a request is, or that it is nothing; only who may know is told."""
    asking, may_see_all = _who(server, authenticator, request)
    row = server.stores.tokens.find(require(request, "token"))
    if row is None or not (may_see_all or row.client_id == asking):
        return INACTIVE
    if row.expires_at <= datetime.now(UTC) or not server.stores.tokens.stands(row):
        return INACTIVE
    return describe(server, row)


def describe(server: SmartServer, row: AccessToken) -> dict[str, Any]:
    """Returns the introspection response of an active token."""
    answer: dict[str, Any] = {
        "active": True,
        "scope": row.scope,
        "client_id": row.client_id,
        "token_type": "DPoP" if row.jkt else "Bearer",
        "exp": int(row.expires_at.timestamp()),
        "iat": int(row.issued_at.timestamp()),
        "iss": server.issuer,
        "jti": row.token_id,
        **row.response,
    }
    if row.subject:
        claims = server.id_tokens.claims(str(row.subject), str(row.fhir_user), str(row.scope).split())
        answer |= claims
    if row.jkt:
        answer["cnf"] = {"jkt": row.jkt}
    return answer


def _who(server: SmartServer, authenticator: Authenticator, request: SmartRequest) -> tuple[str, bool]:
    header = request.headers.get("Authorization", "")
    if header[:7].lower() == "bearer ":
        try:
            context = authenticator.authenticate(request, request.address, request.request_id)
        except FhirError:
            raise InvalidClientError(
                description="The access token is not known, expired or revoked."
            ) from None
        if INTROSPECT not in context.named_scopes:
            raise NotAllowed(f"The token needs the scope {INTROSPECT}.")
        return context.client_id, True
    client = authenticate(server, request, CONFIDENTIAL, "introspect")
    return client.client_id, INTROSPECT in str(client.row.scope).split()
