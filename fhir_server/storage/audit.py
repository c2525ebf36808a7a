"""The audit trail: AuditEvents are appended, never changed. https://hl7.org/fhir/R4/auditevent.html

Those of a write are stored with it, in one transaction (storage/transactions.py); those of reads here.
"""

from __future__ import annotations

from collections.abc import Sequence

from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError
from pymongo.write_concern import WriteConcern

from fhir_server.storage.mongo import AUDIT, DUPLICATE_KEY, OUTBOX, Document, Mongo, translated
from fhir_server.storage.outbox import queue


class AuditTrail:
    """Appends AuditEvents, acknowledged by a majority and journaled."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def append(self, documents: list[Document], notifications: Sequence[Document] = ()) -> None:
        """Writes AuditEvents in one round trip; with notifications, in one transaction."""
        with translated():
            if notifications:
                self._append_both(documents, notifications)
                return
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

    def _append_both(self, documents: list[Document], notifications: Sequence[Document]) -> None:
        for name in (AUDIT, OUTBOX):
            self._mongo.prepared(name)

        def callback(session: ClientSession) -> None:
            queue(self._mongo, notifications, session)
            self._mongo.collection(AUDIT).insert_many(documents, session=session)

        with self._mongo.client.start_session() as session:
            session.with_transaction(callback, write_concern=WriteConcern(w="majority", j=True))
