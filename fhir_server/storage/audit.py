"""The audit trail: AuditEvents are appended, never changed. https://hl7.org/fhir/R4/auditevent.html

Those of a write are stored with it, in one transaction (storage/transactions.py); those of reads here.
"""

from __future__ import annotations

from pymongo.errors import BulkWriteError

from fhir_server.storage.mongo import AUDIT, DUPLICATE_KEY, Document, Mongo, translated


class AuditTrail:
    """Appends AuditEvents, acknowledged by a majority and journaled."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def append(self, documents: list[Document]) -> None:
        """Writes AuditEvents in one round trip."""
        with translated():
            trail = self._mongo.prepared(AUDIT)
            if self._mongo.direct.insert(AUDIT, documents):
                return
            try:
                trail.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                # Their ids were made here a moment ago: those that are there came with the first attempt, and
                # MongoDB answers a repetition, too, once a majority has what it repeats.
                if any(row["code"] != DUPLICATE_KEY for row in error.details["writeErrors"]):
                    raise
