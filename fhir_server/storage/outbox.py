"""Notifications that wait to be delivered: queued together with what they tell of. docs/security/audit.md

| field | meaning |
|---|---|
| _id | what is told once is named by what it tells, everything else at random |
| patient, code, recipient, about | whose record, which event, to whom, of what |
| by | the professional who acted |
| created, delivered | ms since 1970; whether it has left |
"""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from fhir_server.storage.mongo import OUTBOX, Document, Mongo, translated


class Outbox:
    """The waiting notifications of one database."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def waiting(self, limit: int = 100, recipient: str = "") -> list[Document]:
        """Returns what was not delivered yet, oldest first; of one recipient or of all."""
        query: Document = {"delivered": {"$eq": False}}
        if recipient:
            query["recipient"] = {"$eq": recipient}
        with translated():
            rows = self._mongo.collection(OUTBOX).find(query).sort([("created", 1), ("_id", 1)])
            return list(rows.limit(limit))

    def add(self, rows: Sequence[Document]) -> int:
        """Queues what is told once, outside any transaction; returns how much was not there yet."""
        changes = [UpdateOne({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True) for row in rows]
        with translated():
            return self._mongo.prepared(OUTBOX).bulk_write(changes, ordered=False).upserted_count

    def mark_delivered(self, ids: Sequence[str]) -> int:
        """Marks notifications as delivered; returns how many were waiting until now."""
        with translated():
            query = {"_id": {"$in": list(ids)}, "delivered": {"$eq": False}}
            return (
                self._mongo.prepared(OUTBOX).update_many(query, {"$set": {"delivered": True}}).modified_count
            )


def queue(mongo: Mongo, rows: Sequence[Document], session: ClientSession) -> None:
    """Adds notifications within a transaction; what is there already stays as it is.

    Two transactions that tell the same for the first time meet in the database, and one runs again.
    """
    changes = [UpdateOne({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True) for row in rows]
    mongo.collection(OUTBOX).bulk_write(changes, ordered=True, session=session)
