"""Fixtures: the server behind real HTTP on a free loopback port, one for each test module.

A conftest.py takes them by importing their names.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from fhir_server.settings import load_settings
from tests.http_client import FhirHttp

if TYPE_CHECKING:
    from flask import Flask

    from fhir_server.app import Server

SYSTEM = "system/*.cruds"

MakeClient = Callable[..., FhirHttp]
"""make_client(scope, patient=None) → FhirHttp with a token of its own."""


class _Quiet(WSGIRequestHandler):
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """The server has a log of its own."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers HTTP, and what stands behind it."""

    base_url: str
    app: Flask
    inside: Server

    def client(
        self, scope: str = SYSTEM, patient: str | None = None, fhir_user: str = "", **acts: Any
    ) -> FhirHttp:
        """Returns a caller with a fresh token; of a professional: activity=…, purpose=…"""
        token = self.inside.issue_token(
            scope=scope, client_id="tests", patient=patient or "", fhir_user=fhir_user, **acts
        )
        return FhirHttp(self.base_url, token)

    def anonymous(self) -> FhirHttp:
        """Returns a caller without token."""
        return FhirHttp(self.base_url)


@contextmanager
def run_server(mongodb_uri: str, database_name: str, **settings: str) -> Iterator[RunningServer]:
    """Serves one database until the end of the block; settings by environment name, {port} is the port."""
    from fhir_server.app import create_app

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        defaults = {
            "MONGODB_URI": mongodb_uri,
            "MONGODB_DATABASE": database_name,
            "PORT": str(port),
            "AUDIT_SEAL_SECONDS": "0",
        }
        settings = {name: value.replace("{port}", str(port)) for name, value in settings.items()}
        app = create_app(
            load_settings({**defaults, "LOG_LEVEL": "WARNING", "LOG_FORMAT": "text", **settings})
        )
        http = make_server(
            "127.0.0.1", port, app, threaded=True, request_handler=_Quiet, fd=listening.fileno()
        )
        thread = threading.Thread(target=http.serve_forever, name="http", daemon=True)
        thread.start()
        inside: Server = app.extensions["fhir_server"]
        try:
            yield RunningServer(inside.settings.base_url, app, inside)
        finally:
            inside.stop_threads()
            http.shutdown()
            thread.join()
            http.server_close()


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """A running server on a database of its own."""
    with run_server(mongodb_uri, database_name) as running:
        yield running


@pytest.fixture(scope="module")
def make_client(server: RunningServer) -> MakeClient:
    """Makes callers with the scopes of a test."""
    return server.client


@pytest.fixture(scope="module")
def fhir(server: RunningServer) -> FhirHttp:
    """A caller who may do everything."""
    return server.client()
