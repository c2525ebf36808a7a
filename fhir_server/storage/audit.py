"""The audit trail: AuditEvents are appended, never changed. https://hl7.org/fhir/R4/auditevent.html"""

from __future__ import annotations

from fhir_server.fhir import Resource
from fhir_server.storage.mongo import Mongo, translated
from fhir_server.storage.stored import build_document


class AuditTrail:
    """Appends AuditEvents, acknowledged by a majority and journaled."""

    def __init__(self, mongo: Mongo, base_url: str) -> None:
        self._mongo = mongo
        self._base_url = base_url

    def append(self, events: list[tuple[Resource, int]]) -> None:
        """Writes (AuditEvent, recorded ms) pairs in one round trip."""
        documents = [build_document(event, 1, recorded, "POST", self._base_url) for event, recorded in events]
        with translated():
            self._mongo.prepared("AuditEvent").insert_many(documents, ordered=False)
