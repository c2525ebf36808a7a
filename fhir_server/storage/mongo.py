"""The MongoDB client, its collections and their indexes; connects on first use, anew in each process.

Every write is acknowledged by a majority and journaled. https://www.mongodb.com/docs/manual/reference/write-concern/
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pymongo import ASCENDING, DESCENDING, GEOSPHERE, IndexModel, MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    ServerSelectionTimeoutError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhir_server.errors import TooCostly, Unavailable, Unreachable
from fhir_server.search.contained import CONTAINED
from fhir_server.search.parameters.position import POSITION
from fhir_server.storage.direct import Direct

Document = dict[str, Any]

T = TypeVar("T")
E = TypeVar("E", bound=Unavailable)

HISTORY = "history"
LOCKS = "locks"
AUDIT = "AuditEvent"
STATE = "state"
RECORD_POLICIES = "record_policies"
PAST_POLICIES = "past_policies"
HABILITATIONS = "habilitations"
OUTBOX = "outbox"
PURGES = "purges"
SEALS = "seals"
SEAL_HEADS = "seal_heads"

DUPLICATE_KEY = 11000
_SNAPSHOT_UNAVAILABLE = 246
_SNAPSHOT_ATTEMPTS = 7

CONTAINED_INDEX = "contained"
TOKEN_INDEX = "token"  # noqa: S105  # of the index entries

_HAS_PATIENT = {"p": {"$exists": True}}
RESOURCE_INDEXES = (
    IndexModel(
        [("p", 1), ("t", 1), ("sk", -1), ("vis", 1), ("iv", 1)],
        name="patient",
        partialFilterExpression=_HAS_PATIENT,
    ),
    IndexModel([("t", 1), ("sk", -1), ("vis", 1)], name=TOKEN_INDEX),
    IndexModel([("r.k", 1), ("r.lo", 1), ("r.hi", 1)], name="range"),
    IndexModel([("lu", -1), ("_id", -1)], name="updated"),
    IndexModel([("p", 1), ("lu", -1)], name="patient_updated", partialFilterExpression=_HAS_PATIENT),
    IndexModel([(f"{CONTAINED}.t", 1)], name=CONTAINED_INDEX, sparse=True),
    # What is hidden from the patient for a time: the end of it is told. It has no entry for anything else.
    IndexModel([("iv", 1)], name="hidden", partialFilterExpression={"iv": {"$gt": 0}}),
)
LOCATION_INDEXES = (*RESOURCE_INDEXES, IndexModel([(POSITION, GEOSPHERE)], name="position"))
# An AuditEvent is written on every access: it is asked by patient, by token or by time, never by
# range or change, and sealed in the order of its time, so it carries three indexes instead of five.
AUDIT_INDEXES = (
    IndexModel([("p", 1), ("lu", -1)], name="patient_updated", partialFilterExpression=_HAS_PATIENT),
    IndexModel([("t", 1), ("sk", -1)], name=TOKEN_INDEX),
    IndexModel([("lu", 1), ("_id", 1)], name="sealing"),
)
OTHER_INDEXES: dict[str, tuple[IndexModel, ...]] = {
    HISTORY: (
        IndexModel([("rt", ASCENDING), ("id", ASCENDING), ("v", DESCENDING)], name="instance"),
        IndexModel([("rt", ASCENDING), ("lu", DESCENDING), ("id", DESCENDING)], name="type"),
        IndexModel([("lu", DESCENDING), ("rt", DESCENDING), ("id", DESCENDING)], name="system"),
        IndexModel([("p", 1), ("lu", -1)], name="patient_updated", partialFilterExpression=_HAS_PATIENT),
    ),
    AUDIT: AUDIT_INDEXES,
    "Location": LOCATION_INDEXES,
    STATE: (),
    RECORD_POLICIES: (
        IndexModel([("state", 1), ("since", 1)], name="state"),
        IndexModel([("majority", 1)], name="majority"),
    ),
    PAST_POLICIES: (),
    HABILITATIONS: (),
    PURGES: (IndexModel([("patient", 1)], name="patient"), IndexModel([("started", 1)], name="started")),
    SEALS: (),
    SEAL_HEADS: (),
    OUTBOX: (
        IndexModel([("created", 1)], name="waiting", partialFilterExpression={"delivered": {"$eq": False}}),
        IndexModel([("recipient", 1), ("created", -1)], name="recipient"),
    ),
    # A lock only has to outlive the transactions that race for it.
    LOCKS: (IndexModel([("at", ASCENDING)], name="expiry", expireAfterSeconds=86_400),),
}


class Mongo:
    """One database; safe to share between threads and across fork."""

    def __init__(self, uri: str, database: str, *, timeout_ms: int = 10_000, wait_ms: int = 3_000) -> None:
        self.uri = uri
        self.database_name = database
        self.timeout_ms = timeout_ms
        self.wait_ms = wait_ms
        self._lock = threading.Lock()
        self._pid = 0
        self._client: MongoClient[Document] | None = None
        self._direct: Direct | None = None
        self._collections: dict[str, Collection[Document]] = {}
        self._prepared: set[str] = set()

    @property
    def client(self) -> MongoClient[Document]:
        """The client of this process."""
        if self._client is None or self._pid != os.getpid():
            self._connect()
        assert self._client is not None  # noqa: S101  # narrows the type
        return self._client

    def _connect(self) -> None:
        with self._lock:
            if self._client is not None and self._pid == os.getpid():
                return
            self._client = MongoClient(
                self.uri,
                appname="fhir-server",
                retryWrites=True,
                serverSelectionTimeoutMS=self.wait_ms,
                connectTimeoutMS=5_000,
                socketTimeoutMS=max(30_000, 3 * self.timeout_ms),
                maxPoolSize=128,
                tz_aware=True,
            )
            self._direct = Direct(self._client, self.database_name)
            self._collections = {}
            self._prepared = set()
            self._pid = os.getpid()

    @property
    def direct(self) -> Direct:
        """The short way for the commands that every request sends."""
        if self._direct is None or self._pid != os.getpid():
            self._connect()
        assert self._direct is not None  # noqa: S101  # narrows the type
        return self._direct

    @property
    def database(self) -> Database[Document]:
        """The database of this process."""
        return self.client.get_database(
            self.database_name,
            write_concern=WriteConcern(w="majority", j=True),
            read_concern=ReadConcern("local"),
        )

    def collection(self, name: str) -> Collection[Document]:
        """Returns a collection for reading; it may not exist yet."""
        # Making these objects costs as much as decoding a page; a new process makes its own.
        client_of_this_process = self.client
        found = self._collections.get(name)
        if found is None or found.database.client is not client_of_this_process:
            found = self._collections[name] = self.database[name]
        return found

    def prepared(self, name: str) -> Collection[Document]:
        """Returns a collection for writing, created with its indexes when this process first writes to it."""
        collection = self.collection(name)
        if name not in self._prepared:
            indexes = OTHER_INDEXES.get(name, RESOURCE_INDEXES)
            if indexes:
                collection.create_indexes(list(indexes))
            self._prepared.add(name)
        return collection

    def at_one_moment(self, read: Callable[[ClientSession], T]) -> T:
        """Reads from a snapshot: a read of several collections sees each write whole or not at all."""
        for attempt in range(_SNAPSHOT_ATTEMPTS):
            try:
                with self.client.start_session(snapshot=True) as session:
                    return read(session)
            except OperationFailure as error:
                # A collection was just made: no snapshot is younger than it yet.
                if error.code != _SNAPSHOT_UNAVAILABLE:
                    raise
                time.sleep(0.01 * 2**attempt)
        raise _retry_later("the database is changing its collections; try again")

    def resource_collections(self, resource_types: frozenset[str]) -> list[str]:
        """Returns the resource types that hold anything."""
        return sorted(resource_types.intersection(self.database.list_collection_names()))

    def ping(self) -> None:
        """Raises Unavailable when the database does not answer as a replica set primary."""
        with translated():
            hello = self.client.admin.command("hello")
            if not hello.get("isWritablePrimary"):
                raise Unavailable("the database has no primary")
            if "setName" not in hello and hello.get("msg") != "isdbgrid":
                raise Unavailable("the database is no replica set: transactions need one")

    def close(self) -> None:
        """Closes the connections of this process."""
        if self._client is not None and self._pid == os.getpid():
            if self._direct is not None:
                self._direct.close()
            self._client.close()
            self._client = self._direct = None


@contextmanager
def translated() -> Iterator[None]:
    """Turns failures of the database into FhirErrors that tell the client whether to try again."""
    try:
        yield
    except ExecutionTimeout as error:
        raise TooCostly("the query took longer than the server allows; narrow it") from error
    except ServerSelectionTimeoutError as error:
        raise unreachable() from error
    except (AutoReconnect, NetworkTimeout, ConnectionFailure, WTimeoutError) as e:
        raise _retry_later(_AWAY) from e
    except OperationFailure as error:
        if error.code == 292:  # QueryExceededMemoryLimitNoDiskUseAllowed
            raise TooCostly("the result is too large to sort; narrow the search") from error
        if error.has_error_label("TransientTransactionError"):
            raise _retry_later("too many writers at once; try again") from error
        raise


_AWAY = "the database is not reachable; nothing is known to be lost, try again"


def unreachable() -> Unreachable:
    """What a request ends with that has waited for the database in vain."""
    return _retry_later(_AWAY, Unreachable)


def _retry_later(diagnostics: str, kind: type[E] = Unavailable) -> E:  # type: ignore[assignment]
    error = kind(diagnostics)
    error.headers["Retry-After"] = "2"
    return error
