"""Writes: a resource and its history change together, or nothing does. https://hl7.org/fhir/R4/http.html#transaction

What is written, its history and its AuditEvents are one transaction. A create is one round trip; an
update or delete reads, writes history, replaces, commits; a Bundle inserts once per resource type. Two
writers of one resource meet in the database: the second one's transaction is aborted by MongoDB and runs
again on what the first one left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from pymongo.client_session import ClientSession
from pymongo.errors import (
    BulkWriteError,
    DocumentTooLarge,
    DuplicateKeyError,
    OperationFailure,
    ServerSelectionTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhir_server.errors import Conflict, TooLarge
from fhir_server.fhir import Resource
from fhir_server.fhir.instant import format_instant, now_ms
from fhir_server.storage.mongo import (
    AUDIT,
    DUPLICATE_KEY,
    HISTORY,
    LOCKS,
    OUTBOX,
    PAST_POLICIES,
    RECORD_POLICIES,
    Document,
    Mongo,
    translated,
    unreachable,
)
from fhir_server.storage.outbox import queue
from fhir_server.storage.record_fields import RecordFields
from fhir_server.storage.stored import (
    Stored,
    build_document,
    build_history,
    build_tombstone,
    read_document,
)

T = TypeVar("T")

_TOO_LARGE = frozenset({10334, 17280, 17419, 17420})  # BSONObjectTooLarge and its relatives
_ATTEMPTS = 8


def next_instant(current: Document) -> int:
    """Returns the lastUpdated of the next version: the clock may go back, lastUpdated never does."""
    return max(now_ms(), int(current["lu"]) + 1)


class Transactions:
    """Where writes begin."""

    def __init__(self, mongo: Mongo, base_url: str) -> None:
        self._mongo = mongo
        self._base_url = base_url

    def insert(
        self, resource_type: str, document: Document, traces: Mapping[str, Sequence[Document]]
    ) -> None:
        """Writes one new resource, its AuditEvents and its notifications in one round trip."""
        documents = {name: [*rows] for name, rows in traces.items() if rows}
        # What may be there already is no plain insert.
        is_plain = not any(row.get("once") for row in documents.get(OUTBOX, ()))
        documents.setdefault(resource_type, []).append(document)  # it may be an AuditEvent itself
        with translated(), _size_checked():
            for name in documents:
                self._mongo.prepared(name)
            if not (is_plain and self._mongo.direct.insert_together(documents)):
                self._run_once(lambda unit: unit.insert_all(documents))

    def run(self, resource_types: Iterable[str], work: Callable[[WriteSession], T]) -> T:
        """Runs `work` in one transaction; it may run several times and acts through its session only."""
        with translated(), _size_checked():
            for name in {*resource_types, HISTORY, LOCKS, AUDIT, OUTBOX, RECORD_POLICIES, PAST_POLICIES}:
                self._mongo.prepared(name)
            for attempt in range(_ATTEMPTS):
                try:
                    return self._run_once(work)
                except (DuplicateKeyError, BulkWriteError) as error:
                    # Another writer created the same id between our look and our insert: look again.
                    if not _is_duplicate(error):
                        raise
                    time.sleep(0.002 * 2**attempt)
            raise Conflict("other writers keep changing the same resource; try again")

    def _run_once(self, work: Callable[[WriteSession], T]) -> T:
        def callback(session: ClientSession) -> T:
            unit = WriteSession(self._mongo, session)
            try:
                result = work(unit)
                unit.flush()
            except ServerSelectionTimeoutError as error:
                # The driver would begin the transaction, and the wait, again and again for two minutes.
                raise unreachable() from error
            return result

        with self._mongo.client.start_session() as session:
            return session.with_transaction(
                callback,
                read_concern=ReadConcern("snapshot"),
                write_concern=WriteConcern(w="majority", j=True),
            )

    def build(
        self, resource: Resource, resource_id: str, version: int, last_updated: int, method: str
    ) -> Document:
        """Returns the document of a resource with its id, versionId and lastUpdated set.

        The guard adds what the policy knows it by (storage/record_fields.py).
        """
        meta = {
            **resource.get("meta", {}),
            "versionId": str(version),
            "lastUpdated": format_instant(last_updated),
        }
        final = {"resourceType": resource["resourceType"], "id": resource_id, "meta": meta}
        final |= {k: v for k, v in resource.items() if k not in final}
        return build_document(final, version, last_updated, method, self._base_url)


class WriteSession:
    """The reads and writes of one transaction; inserts wait for `flush`."""

    def __init__(self, mongo: Mongo, session: ClientSession) -> None:
        self.session = session
        self.records = RecordFields(mongo, session)
        self._mongo = mongo
        self._inserts: dict[str, list[Document]] = {}

    def lock(self, key: str) -> None:
        """Makes transactions that name the same key follow each other."""
        self._mongo.collection(LOCKS).update_one(
            {"_id": key}, {"$set": {"at": datetime.now(UTC)}}, upsert=True, session=self.session
        )

    def current(self, resource_type: str, resource_id: str, constraint: Document) -> Document | None:
        """Returns the current document, tombstones included, when the constraint allows."""
        return self._mongo.collection(resource_type).find_one(
            {"$and": [{"_id": {"$eq": resource_id}}, constraint]}, session=self.session
        )

    def insert_all(self, documents: Mapping[str, Sequence[Document]]) -> None:
        """Adds documents to collections."""
        for name, rows in documents.items():
            if rows:
                self._inserts.setdefault(name, []).extend(rows)

    def replace(self, resource_type: str, current: Document, document: Document) -> Stored:
        """Replaces the current version; the old one becomes history."""
        row = build_history(resource_type, current, document["lu"])
        self._inserts.setdefault(HISTORY, []).append(row)
        replaced = self._mongo.collection(resource_type).replace_one(
            {"_id": current["_id"], "v": current["v"]}, document, session=self.session
        )
        if replaced.matched_count != 1:  # pragma: no cover - a snapshot cannot lose the document it read
            raise Conflict("another writer changed the resource; try again")
        return read_document(resource_type, document)

    def delete(self, resource_type: str, current: Document) -> Stored:
        """Replaces the current version by a tombstone; the old one becomes history."""
        return self.replace(resource_type, current, build_tombstone(current, next_instant(current)))

    def put_policy(self, policy: Document) -> None:
        """Replaces the policy of a record; the old one is kept for explanations."""
        patient = policy["_id"]
        policies = self._mongo.collection(RECORD_POLICIES)
        before = policies.find_one({"_id": {"$eq": patient}}, session=self.session)
        epoch = 1
        if before is not None:
            past = {**before, "_id": f"{patient}/{before['epoch']}", "until": now_ms()}
            self._inserts.setdefault(PAST_POLICIES, []).append(past)
            epoch = before["epoch"] + 1
        policies.replace_one(
            {"_id": {"$eq": patient}}, {**policy, "epoch": epoch}, upsert=True, session=self.session
        )

    def flush(self) -> None:
        """Writes the waiting inserts, one round trip per collection."""
        if notifications := self._inserts.pop(OUTBOX, None):
            queue(self._mongo, notifications, self.session)
        for name, documents in self._inserts.items():
            self._mongo.collection(name).insert_many(documents, ordered=True, session=self.session)
        self._inserts = {}


@contextmanager
def _size_checked() -> Iterator[None]:
    """Turns MongoDB's 16 MB document limit into a 413."""
    text = "the resource is larger than the server stores (16 MB compressed)"
    try:
        yield
    except DocumentTooLarge as error:
        raise TooLarge(text) from error
    except OperationFailure as error:
        if error.code in _TOO_LARGE:
            raise TooLarge(text) from error
        raise


def _is_duplicate(error: DuplicateKeyError | BulkWriteError) -> bool:
    if isinstance(error, DuplicateKeyError):
        return True
    failures = (error.details or {}).get("writeErrors", [])
    return bool(failures) and failures[0].get("code") == DUPLICATE_KEY
