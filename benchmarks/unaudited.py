"""The server with an audit trail that drops what it is given: tells what the audit costs.

No setting turns the audit off; it is done here from outside, for measuring only.
"""

from __future__ import annotations

from dataclasses import replace

from flask import Flask

from fhir_server.app import Server
from fhir_server.app import create_app as create_audited
from fhir_server.audit.record import AuditRecorder
from fhir_server.storage.audit import AuditTrail, Recorded


class _Dropped(AuditTrail):
    """Keeps nothing."""

    def append(self, events: list[Recorded]) -> None:
        pass


def create_app() -> Flask:
    """Returns the server's WSGI application without its audit trail."""
    app = create_audited()
    server: Server = app.extensions["fhir_server"]
    server._database = replace(server._database, recorder=AuditRecorder(_Dropped(server.mongo)))
    return app
