"""The audit trail: AuditEvents are appended, never changed. https://hl7.org/fhir/R4/auditevent.html"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.fhir import Resource
from fhir_server.search.index import IndexEntries
from fhir_server.storage.mongo import Mongo, translated
from fhir_server.storage.stored import index_fields, join_document


@dataclass(frozen=True, slots=True)
class Recorded:
    """An AuditEvent, when it was recorded (ms) and by what it is found."""

    event: Resource
    at: int
    index: IndexEntries


class AuditTrail:
    """Appends AuditEvents, acknowledged by a majority and journaled."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def append(self, events: list[Recorded]) -> None:
        """Writes AuditEvents in one round trip."""
        documents = [join_document(one.event, 1, one.at, "POST", index_fields(one.index)) for one in events]
        with translated():
            self._mongo.prepared("AuditEvent").insert_many(documents, ordered=False)
