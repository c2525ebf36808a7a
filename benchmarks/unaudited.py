"""The server without its audit trail: tells what the audit costs.

No setting turns the audit off; it is done here from outside, for measuring only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Flask

from fhir_server.app import Server
from fhir_server.app import create_app as create_audited
from fhir_server.audit.event import Access, Caller
from fhir_server.audit.record import AuditRecorder
from fhir_server.storage.audit import AuditTrail
from fhir_server.storage.mongo import Document


class _Silent(AuditRecorder):
    """Records nothing."""

    def build(self, accesses: Sequence[Access], caller: Caller) -> dict[str, list[Document]]:
        return {}


def create_app() -> Flask:
    """Returns the server's WSGI application without its audit trail."""
    app = create_audited()
    server: Server = app.extensions["fhir_server"]
    server._database = replace(server._database, recorder=_Silent(AuditTrail(server.mongo)))
    return app
