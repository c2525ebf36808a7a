"""/revoke: a client gives a token back; with a refresh token, all that came of its authorization. RFC 7009"""

from __future__ import annotations

from fhir_server.audit.security_event import SecurityEvent
from fhir_server.auth.clients import METHODS
from fhir_server.auth.grants.token_grant import authenticate, require
from fhir_server.auth.parameters import SmartRequest
from fhir_server.auth.server import SmartServer


def revoke(server: SmartServer, request: SmartRequest) -> None:
    """Ends the token of a request if it is one of the client; says nothing of those that are not."""
    client = authenticate(server, request, METHODS, "revoke")
    token = require(request, "token")
    access, refresh = server.stores.tokens.find(token), server.stores.families.find_refresh_token(token)
    token_id = ""
    if access is not None and access.client_id == client.client_id:
        server.stores.tokens.revoke(token)
        token_id, person, patient = str(access.token_id), str(access.fhir_user), str(access.patient)
    elif refresh is not None and refresh.client_id == client.client_id:
        family = server.stores.families.find(str(refresh.family_id))
        if family is None:
            return
        server.stores.families.revoke(str(refresh.family_id), "revoked-by-client")
        token_id, person, patient = str(refresh.family_id), str(family.fhir_user), str(family.patient)
    else:
        return
    server.audit.record_security(
        SecurityEvent(
            "token-revoked",
            client_id=client.client_id,
            fhir_user=person,
            patient=patient,
            token_id=token_id,
            address=request.address,
            request_id=request.request_id,
        )
    )
