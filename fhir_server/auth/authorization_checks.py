"""What an authorization request must be, in the order in which a mistake may be told. RFC 6749 §4.1.2.1

`find_client` raises what is shown to the person, `check` what is told to the app.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    UnauthorizedClientError,
    UnsupportedResponseTypeError,
)

from fhir_server.auth import emergency
from fhir_server.auth.clients import RegisteredClient
from fhir_server.auth.parameters import SmartRequest
from fhir_server.auth.scopes import levels, split_scopes
from fhir_server.auth.server import SmartServer
from fhir_server.errors import Invalid

PUSHED = "urn:ietf:params:oauth:request_uri:"
KEPT = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "aud",
    "launch",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "prompt",
    "max_age",
    "ui_locales",
    "login_hint",
    "acr_values",
    "display",
    "dpop_jkt",
    emergency.PARAMETER,
)
_LONGEST = 2048


@dataclass(frozen=True, slots=True)
class Checked:
    """An authorization request that a person may answer."""

    client_id: str
    parameters: Mapping[str, str]
    scopes: list[str]
    launch: Mapping[str, Any]


def find_client(
    server: SmartServer, parameters: Mapping[str, str]
) -> tuple[RegisteredClient, dict[str, str]]:
    """Returns the client and the parameters, pushed ones included, of a redirect_uri that is its own."""
    client = server.query_client(parameters.get("client_id", ""))
    if client is None:
        raise InvalidClientError(description="The app is not registered here.")
    if "request_uri" in parameters:
        reference = parameters["request_uri"]
        pushed = server.stores.pushed.take(reference.removeprefix(PUSHED), client.client_id)
        if not reference.startswith(PUSHED) or pushed is None:
            raise InvalidRequestError("request_uri is not known, too old, or was used.")
        parameters = pushed
    elif client.is_high_assurance:
        raise InvalidRequestError("This app must push its requests.")
    uri = parameters.get("redirect_uri", "")
    if not client.check_redirect_uri(uri):
        raise InvalidRequestError("redirect_uri is not one that the app has registered.")
    return client, dict(parameters)


def check(server: SmartServer, client: RegisteredClient, parameters: Mapping[str, str]) -> Checked:
    """Returns the request of a known client and redirect_uri; raises OAuth2Error."""
    _check_form(parameters)
    kept = {name: parameters[name] for name in KEPT if name in parameters}
    grant = server.get_consent_grant(SmartRequest("GET", f"{server.issuer}/authorize", {}, kept))
    if not grant.client.check_grant_type("authorization_code"):
        raise UnauthorizedClientError("The app is not registered for authorization_code.")
    _check_audience(server, parameters)
    scopes = _scopes(client, parameters.get("scope", ""))
    if emergency.PARAMETER in parameters:
        scopes = _in_emergency(parameters, scopes)
    return Checked(client.client_id, kept, scopes, _launch(server, client, parameters, scopes))


def _check_form(parameters: Mapping[str, str]) -> None:
    if "request" in parameters:
        raise OAuth2Error("Signed request objects are not supported.", error="request_not_supported")
    # Authlib would quote what it does not support in its answer, and fail on letters beyond ASCII.
    if parameters.get("response_type") != "code":
        raise UnsupportedResponseTypeError("", "The response_type must be code.")
    if parameters.get("response_mode", "query") != "query":
        raise InvalidRequestError("The response_mode must be query.")
    if any(len(value) > _LONGEST for name, value in parameters.items() if name != "scope"):
        raise InvalidRequestError("A parameter is too long.")


def _check_audience(server: SmartServer, parameters: Mapping[str, str]) -> None:
    """The app says for which FHIR server it wants the token: a false server cannot pass ours on."""
    named = [parameters[name] for name in ("aud", "resource") if name in parameters]
    if not named or any(value.rstrip("/") != server.base_url for value in named):
        raise InvalidRequestError(f"aud must be {server.base_url}.")


def _scopes(client: RegisteredClient, text: str) -> list[str]:
    try:
        asked = split_scopes(text)
    except Invalid:
        raise InvalidScopeError() from None
    if "patient" in levels(asked) and "launch" not in asked and "launch/patient" not in asked:
        asked.append("launch/patient")
    if "system" in levels(asked):
        raise InvalidScopeError("system/ scopes are for client_credentials.")
    scopes = client.narrow(asked)
    if not scopes:
        raise InvalidScopeError("The app is not allowed any of these scopes.")
    return scopes


def _in_emergency(parameters: Mapping[str, str], scopes: list[str]) -> list[str]:
    """Returns what is left of the scopes; a person answers such a request, each time."""
    if emergency.purpose_of(parameters) not in emergency.PURPOSES:
        raise InvalidRequestError("purpose_of_use must be BTG or ETREAT.")
    if "none" in parameters.get("prompt", "").split():
        raise OAuth2Error("A reason is to be given.", error="interaction_required")
    left = emergency.readable(scopes)
    if "user" not in levels(left):
        raise InvalidScopeError("An emergency access needs a user/ scope to read.")
    return [*left, "launch/patient"] if not {"launch", "launch/patient"} & set(left) else left


def _launch(
    server: SmartServer, client: RegisteredClient, parameters: Mapping[str, str], scopes: list[str]
) -> Mapping[str, Any]:
    """Returns the context behind a launch value; it is used up when the person has decided."""
    if "launch" not in parameters:
        if "launch" in scopes:
            raise InvalidRequestError("The scope launch needs the launch value of an EHR.")
        return {}
    if "launch" not in scopes:
        raise InvalidScopeError("A launch value needs the scope launch.")
    launch = server.stores.launches.find(parameters["launch"], client.client_id)
    if launch is None:
        raise InvalidRequestError("The launch value is not known, too old, or was used.")
    return {**launch.context, "fhirUser": str(launch.fhir_user)}
