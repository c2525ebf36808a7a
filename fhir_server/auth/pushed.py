"""/par: a client pushes its authorization request, authenticated, before the browser comes. RFC 9126"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError

from fhir_server.auth.authorization_checks import KEPT, PUSHED, check
from fhir_server.auth.clients import METHODS
from fhir_server.auth.grants.token_grant import authenticate, check_key, prove_key
from fhir_server.auth.parameters import SmartRequest
from fhir_server.auth.server import SmartServer


def push(server: SmartServer, request: SmartRequest) -> dict[str, Any]:
    """Returns the request_uri under which the browser may bring the request, once."""
    client = authenticate(server, request, METHODS, "par")
    if "request_uri" in request.form:
        raise InvalidRequestError("request_uri cannot be pushed.")
    parameters = {name: request.form[name] for name in KEPT if name in request.form}
    parameters["client_id"] = client.client_id
    if not client.check_redirect_uri(parameters.get("redirect_uri", "")):
        raise InvalidRequestError("redirect_uri is not one that the app has registered.")
    prove_key(server, request, client, "par")
    if request.jkt:  # RFC 9449 §10.1: the proof binds the code as dpop_jkt does
        check_key(parameters.setdefault("dpop_jkt", request.jkt), request)
    others: dict[str, str] = {
        name: request.form[name] for name in ("request", "response_mode", "resource") if name in request.form
    }
    check(server, client, {**parameters, **others})
    reference = server.stores.pushed.add(client.client_id, parameters | _audience(request))
    return {"request_uri": PUSHED + reference, "expires_in": server.stores.pushed.lifetime}


def _audience(request: SmartRequest) -> dict[str, str]:
    return {"aud": request.form.get("aud") or request.form["resource"]}
