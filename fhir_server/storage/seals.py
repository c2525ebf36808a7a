"""The seals of the audit trail: batches of AuditEvents, chained; appended, never changed.

docs/decisions/0028-sealed-audit-trail.md

| collection | row |
|---|---|
| seals | _id: number from 1; prev, h: hashes; until: the newest event, ms; rows: p, prev, events (id, hash) |
| seal_heads | _id: patient, "" for events of no record, "*" for the seals; h: hash of the newest link; n |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from pymongo import ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhir_server.storage.mongo import AUDIT, SEAL_HEADS, SEALS, STATE, Document, Mongo, translated

LATE_MS = 300_000
"""An event may be stored this long after the time it tells: a transaction waits and runs again."""

SEALED_FIELDS = ("_id", "v", "lu", "p", "vis", "iv")
"""Of the document of an event, sealed beside its bytes: they decide who sees it."""

_TAKEN = dict.fromkeys((*SEALED_FIELDS, "z"), 1)
_LEASE = "audit-seal"
_MAJORITY = ReadConcern("majority")
"""What could still be rolled back is not sealed."""


class Seals:
    """The seals of one database."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def lease(self, owner: str, seconds: int) -> bool:
        """Tells whether this owner seals until the lease ends; nobody else does meanwhile."""
        now = datetime.now(UTC)
        free = {"_id": _LEASE, "$or": [{"until": {"$lte": now}}, {"owner": {"$eq": owner}}]}
        change = {"$set": {"owner": owner, "until": now + timedelta(seconds=seconds)}}
        with translated():
            try:
                self._mongo.prepared(STATE).update_one(free, change, upsert=True)
            except DuplicateKeyError:
                return False
        return True

    def last(self) -> Document | None:
        """Returns the newest seal, None where nothing was sealed yet."""
        with translated():
            return self._mongo.collection(SEALS).find_one(sort=[("_id", -1)])

    def unsealed(self, last: Document | None, limit: int) -> list[Document]:
        """Returns the oldest events that no seal holds, in order of their time."""
        since = last["until"] - LATE_MS if last is not None else 0
        known = self._sealed_since(since)
        found: list[str] = []
        with translated():
            trail = self._mongo.prepared(AUDIT).with_options(read_concern=_MAJORITY)
            query = {"lu": {"$gte": since}}
            for row in trail.find(query, {"_id": 1, "lu": 1}).sort([("lu", 1), ("_id", 1)]):
                if row["_id"] not in known:
                    found.append(row["_id"])
                if len(found) == limit:
                    break
        return sorted(self.events(found).values(), key=lambda row: (row["lu"], row["_id"]))

    def _sealed_since(self, since: int) -> set[str]:
        known: set[str] = set()
        with translated():
            for seal in self._mongo.collection(SEALS).find().sort("_id", -1):
                if seal["until"] < since:
                    break
                known.update(event_id for row in seal["rows"] for event_id, _ in row["events"])
        return known

    def events(self, ids: Iterable[str]) -> dict[str, Document]:
        """Returns events by id, with what is sealed of them."""
        with translated():
            trail = self._mongo.collection(AUDIT).with_options(read_concern=_MAJORITY)
            return {row["_id"]: row for row in trail.find({"_id": {"$in": list(ids)}}, _TAKEN)}

    def times(self, since: int, before: int, patient: str | None) -> Iterator[tuple[str, int]]:
        """Yields ids and times of the events of a span, of all records or one, oldest first."""
        query: Document = {"lu": {"$gte": since, "$lt": before}}
        if patient is not None:
            query["p"] = {"$eq": patient}
        with translated():
            for row in self._mongo.collection(AUDIT).find(query, {"lu": 1}).sort([("lu", 1)]):
                yield row["_id"], row["lu"]

    def heads(self, names: Iterable[str] | None = None) -> dict[str, Document]:
        """Returns the newest links by patient; of all where none is named."""
        query: Document = {} if names is None else {"_id": {"$in": list(names)}}
        with translated():
            return {row["_id"]: row for row in self._mongo.collection(SEAL_HEADS).find(query)}

    def all(self) -> Iterator[Document]:
        """Yields the seals, oldest first."""
        with translated():
            yield from self._mongo.collection(SEALS).find().sort("_id", 1)

    def append(self, seal: Document, heads: Mapping[str, Document]) -> bool:
        """Adds a seal and the heads that it moves; False when another one came first."""
        with translated():
            for name in (SEALS, SEAL_HEADS):
                self._mongo.prepared(name)

            def callback(session: ClientSession) -> None:
                self._mongo.collection(SEALS).insert_one(seal, session=session)
                changes = [ReplaceOne({"_id": name}, row, upsert=True) for name, row in heads.items()]
                self._mongo.collection(SEAL_HEADS).bulk_write(changes, session=session)

            try:
                with self._mongo.client.start_session() as session:
                    session.with_transaction(callback, write_concern=WriteConcern(w="majority", j=True))
            except DuplicateKeyError:
                return False
        return True
