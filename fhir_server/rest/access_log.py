"""One log line per request, without personal data: no ids, no queries, no tokens, no addresses."""

from __future__ import annotations

import logging
import re
import secrets
import time
import traceback
from typing import Any

from flask import Flask, Request, Response, g, request

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir.instant import format_instant
from fhir_server.fhir.json import encode_json

_log = logging.getLogger("fhir_server.access")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PLACES = frozenset({"fhir", "metadata", "health"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9\-._]{1,64}")


class JsonFormatter(logging.Formatter):
    """Log records as one JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        row: dict[str, Any] = {
            "time": format_instant(int(record.created * 1000)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        row |= getattr(record, "fields", {})
        if record.exc_info:
            row["exception"] = _without_values(record.exc_info)
        return encode_json(row).decode()


def _without_values(exc_info: Any) -> list[str]:
    """Class and places of an exception; its text may quote a patient."""
    kind, _, trace = exc_info
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
    return [getattr(kind, "__name__", str(kind)), *places]


def configure_logging(level: str, format_: str) -> None:
    """Sends the log of the server to stderr in the form of the settings."""
    handler = logging.StreamHandler()
    if format_ == "json":
        handler.setFormatter(JsonFormatter())
    root = logging.getLogger("fhir_server")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
    # Nobody asks which thread or process a line is from. https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # Authlib logs tokens at DEBUG.
    logging.getLogger("authlib").setLevel(logging.WARNING)


def read_request_id(http: Request) -> str:
    """Returns the caller's X-Request-Id when it is harmless, else a fresh one."""
    given = http.environ.get("HTTP_X_REQUEST_ID", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def install_access_log(app: Flask) -> None:
    """Gives each request an id and logs how it ended."""

    @app.before_request
    def begin() -> None:
        began = time.perf_counter()
        g.request_id, g.began = read_request_id(request), began

    @app.after_request
    def end(response: Response) -> Response:
        request_id, began = g.request_id, g.began
        response.headers.add("X-Request-Id", request_id)
        if _log.isEnabledFor(logging.INFO):
            environ = request.environ
            method = environ["REQUEST_METHOD"]
            fields = {
                "request_id": request_id,
                "method": method if method in _METHODS else "",
                "resource": _resource(environ["PATH_INFO"]),
                "status": response.status_code,
                "ms": round(1000 * (time.perf_counter() - began), 1),
                "client": g.get("client_id", ""),
            }
            # What `info` does, without looking for the line of source that called it.
            record = logging.LogRecord(_log.name, logging.INFO, __file__, 0, "request", None, None)
            record.fields = fields
            _log.handle(record)
        return response


def _resource(path: str) -> str:
    """Patient, or health, never what follows it, and no other word: a mistaken URL may begin with a name."""
    parts = path.strip("/").split("/")
    name = parts[1] if len(parts) > 1 and parts[0] == "fhir" else parts[0]
    return name if name in _PLACES or load_definitions().is_resource_type(name) else ""
