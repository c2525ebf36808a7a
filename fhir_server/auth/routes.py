"""The URLs of the authorization server; the pages for people have a blueprint of their own. RFC 6749 §3

Every answer is JSON but those of /authorize, which are for a browser. No input makes a 500.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException

from fhir_server.auth.authorize import AuthorizationEndpoint
from fhir_server.auth.bearer import Authenticator
from fhir_server.auth.discovery import openid_configuration, smart_configuration
from fhir_server.auth.grants.token_grant import require
from fhir_server.auth.introspect import introspect
from fhir_server.auth.launch import open_app
from fhir_server.auth.parameters import MOST_BYTES, SmartRequest, read_form
from fhir_server.auth.pushed import push
from fhir_server.auth.register import Registration
from fhir_server.auth.revoke import revoke
from fhir_server.auth.server import SmartServer
from fhir_server.auth.userinfo import userinfo
from fhir_server.errors import FhirError, Invalid
from fhir_server.fhir.json import parse_json
from fhir_server.policy.context import AccessContext

_log = logging.getLogger("fhir_server")
# OAuth codes for what the rest of the server says in its own way. RFC 6749 §5.2, RFC 6750 §3.1
_CODES = {401: "invalid_token", 403: "insufficient_scope", 404: "not_found", 503: "temporarily_unavailable"}
OPEN = frozenset(
    f"auth.{name}"
    for name in (
        "authorize",
        "token",
        "revoke",
        "introspect",
        "par",
        "register",
        "registered",
        "jwks",
        "configuration",
        "metadata",
    )
) | {"discovery.smart"}
"""Answer without access token: they authenticate clients, begin a login, or say what anyone may know."""

View = Callable[..., Response]


class AuthApi:
    """The parts that the views of one server need."""

    def __init__(
        self,
        server: SmartServer,
        authenticator: Authenticator,
        authorization: AuthorizationEndpoint,
        registration: Registration,
        metadata: dict[str, Any],
    ) -> None:
        self.server = server
        self.authenticator = authenticator
        self.authorization = authorization
        self.registration = registration
        self.metadata = metadata

    def json(self, answer: dict[str, Any], status: int = 200) -> Response:
        """Returns a JSON answer that nobody keeps."""
        return self.server.handle_response(status, answer, [("Content-Type", "application/json")])

    def public(self, answer: dict[str, Any]) -> Response:
        """Returns a JSON answer that anyone may keep for a while."""
        response = self.json(answer)
        response.headers["Cache-Control"] = "public, max-age=300"
        del response.headers["Pragma"]
        return response

    def request(self, path: str) -> SmartRequest:
        """Returns the form of this request as Authlib wants it."""
        read = SmartRequest(
            request.method, f"{self.server.issuer}/{path}", request.headers, read_form(request)
        )
        read.address, read.request_id = request.remote_addr or "", g.get("request_id", "")
        return read

    def limited(
        self, endpoint: str, read: SmartRequest, answer: Callable[[SmartRequest], Response]
    ) -> Response:
        """Returns the answer to a request if its client may ask; a refusal is told to the audit trail."""
        try:
            self.server.limits.admit(endpoint, read)
            return answer(read)
        except OAuth2Error as error:
            return self.server.handle_error_response(read, error)

    def document(self) -> Any:
        """Returns the JSON body of this request; raises Invalid."""
        request.max_content_length = MOST_BYTES
        if request.mimetype != "application/json":
            raise Invalid("the body must be application/json")
        return parse_json(request.get_data(), max_depth=16)

    def person(self) -> AccessContext:
        """Returns who holds the access token of this request; raises LoginRequired."""
        return self.authenticator.authenticate(request, request.remote_addr or "", g.get("request_id", ""))

    def refuse(self, error: Exception) -> Response:
        """Returns the OAuth form of what went wrong."""
        if isinstance(error, OAuth2Error):
            return self.server.handle_error_response(request, error)
        if isinstance(error, FhirError):
            code = _CODES.get(error.status, "invalid_request")
            response = self.json({"error": code, "error_description": error.diagnostics}, error.status)
            response.headers.update(error.headers)
            return response
        if isinstance(error, (RecursionError, UnicodeError)):
            return self.refuse(InvalidRequestError("The request cannot be read."))
        if isinstance(error, HTTPException) and error.code == 413:
            return self.refuse(InvalidRequestError("The request is too large.", status_code=413))
        _log.error(
            "request failed", exc_info=error, extra={"fields": {"request_id": g.get("request_id", "")}}
        )
        return self.json({"error": "server_error"}, 500)


def build_auth_api(url_prefix: str, api: AuthApi) -> Blueprint:
    """Returns the blueprint of the authorization server."""
    blueprint = Blueprint("auth", __name__, url_prefix=url_prefix)

    def guarded(view: View) -> View:
        def answer(**arguments: str) -> Response:
            try:
                return view(**arguments)
            except Exception as error:
                return api.refuse(error)

        return answer

    def add(rule: str, name: str, methods: list[str], view: View) -> None:
        blueprint.add_url_rule(
            rule, name, guarded(view), methods=methods, provide_automatic_options=False, strict_slashes=False
        )

    for rule, name, methods, view in _views(api):
        add(rule, name, methods, view)
    return blueprint


def _views(api: AuthApi) -> list[tuple[str, str, list[str], View]]:
    server = api.server

    def revocation() -> Response:
        revoke(server, api.request("revoke"))
        return api.json({})

    return [
        ("/authorize", "authorize", ["GET", "POST"], lambda: api.authorization.begin(request)),
        ("/token", "token", ["POST"], _token(api)),
        ("/revoke", "revoke", ["POST"], revocation),
        (
            "/introspect",
            "introspect",
            ["POST"],
            lambda: api.json(introspect(server, api.authenticator, api.request("introspect"))),
        ),
        ("/par", "par", ["POST"], _par(api)),
        ("/userinfo", "userinfo", ["GET", "POST"], lambda: api.json(userinfo(server, api.person()))),
        (
            "/launch",
            "launch",
            ["POST"],
            lambda: api.json(open_app(server, api.person(), api.document()), 201),
        ),
        ("/register", "register", ["POST"], _register(api)),
        ("/register/<client_id>", "registered", ["GET", "PUT", "DELETE"], _registered(api)),
        ("/jwks", "jwks", ["GET"], lambda: api.public({"keys": server.keys.published()})),
        (
            "/.well-known/openid-configuration",
            "configuration",
            ["GET"],
            lambda: api.public(openid_configuration(api.metadata)),
        ),
        (
            "/.well-known/oauth-authorization-server",
            "metadata",
            ["GET"],
            lambda: api.public(openid_configuration(api.metadata)),
        ),
    ]


def _token(api: AuthApi) -> View:
    def view() -> Response:
        read = api.request("token")
        require(read, "grant_type")
        return api.limited("token", read, api.server.create_token_response)

    return view


def _par(api: AuthApi) -> View:
    def view() -> Response:
        return api.limited("par", api.request("par"), lambda read: api.json(push(api.server, read), 201))

    return view


def _register(api: AuthApi) -> View:
    def view() -> Response:
        api.server.limits.admit_address("register", request.remote_addr or "")
        return api.json(api.registration.add(api.document()), 201)

    return view


def _registered(api: AuthApi) -> View:
    """RFC 7592 §2"""

    def view(client_id: str) -> Response:
        header = request.headers.get("Authorization", "")
        row = api.registration.find(client_id, header)
        if request.method == "PUT":
            return api.json(api.registration.change(row, api.document()))
        if request.method == "DELETE":
            api.registration.remove(row)
            return Response(status=204)
        return api.json(api.registration.describe(row))

    return view


def build_discovery(url_prefix: str, api: AuthApi) -> Blueprint:
    """Returns the blueprint of [base]/.well-known/smart-configuration."""
    blueprint = Blueprint("discovery", __name__, url_prefix=url_prefix)

    @blueprint.get("/.well-known/smart-configuration")
    def smart() -> Response:
        return api.public(smart_configuration(api.metadata))

    return blueprint
