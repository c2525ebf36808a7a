"""Which web pages may read our answers. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html

Discovery: all. Token endpoint and FHIR API: the origins that active clients have registered. No cookies:
these endpoints know callers by their tokens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from flask import Flask, Response, request

from fhir_server.errors import FhirError

Origins = Callable[[], frozenset[str]]

_EXPOSED = "Location, Content-Location, ETag, Last-Modified, WWW-Authenticate, X-Request-Id"
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADERS = (
    "Authorization, Content-Type, Accept, Prefer, DPoP, If-Match, If-None-Match, If-Modified-Since, "
    "If-None-Exist, X-Request-Id"
)
_PREFLIGHT = {
    "Access-Control-Allow-Methods": _METHODS,
    "Access-Control-Allow-Headers": _HEADERS,
    "Access-Control-Max-Age": "600",
}
_SECONDS = 5
_CALLED_BY_PAGES = ("token", "revoke", "introspect", "userinfo", "par", "register", "launch")
_MOST_CHARACTERS = 300


class _Known:
    """The origins of the registry, read again every few seconds."""

    def __init__(self, read: Origins) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._until = 0.0
        self._origins: frozenset[str] = frozenset()

    def __contains__(self, origin: str) -> bool:
        with self._lock:
            if self._until <= time.monotonic():
                try:
                    self._origins = self._read()
                except FhirError:
                    return False
                self._until = time.monotonic() + _SECONDS
            return origin in self._origins


class _Rules:
    """Which origin may read the answer to the request at hand."""

    def __init__(self, fhir_prefix: str, auth_prefix: str, origins: Origins) -> None:
        self._known = _Known(origins)
        self._public = {
            f"{fhir_prefix}/metadata",
            f"{fhir_prefix}/.well-known/smart-configuration",
            f"{auth_prefix}/jwks",
        }
        self._public_below = f"{auth_prefix}/.well-known/"
        self._base = fhir_prefix
        self._called = (f"{fhir_prefix}/", *(f"{auth_prefix}/{name}" for name in _CALLED_BY_PAGES))

    def allowed(self) -> str:
        """Returns the value of Access-Control-Allow-Origin; "" for none."""
        origin, path = request.headers.get("Origin", ""), request.path
        if not origin or len(origin) > _MOST_CHARACTERS:
            return ""
        if path in self._public or path.startswith(self._public_below):
            return "*"
        is_called = path == self._base or path.startswith(self._called)
        return origin if is_called and origin in self._known else ""


def install_cors(app: Flask, fhir_prefix: str, auth_prefix: str, origins: Origins) -> None:
    """Answers preflights and marks answers that pages of other origins may read."""
    rules = _Rules(fhir_prefix, auth_prefix, origins)

    @app.before_request
    def preflight() -> Response | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        return Response("", 204, _PREFLIGHT) if rules.allowed() else None

    @app.after_request
    def mark(response: Response) -> Response:
        origin = rules.allowed()
        if origin:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        if origin != "*":
            response.vary.add("Origin")
        return response
