"""mongoengine documents of one database: connects on first use, anew in each process; every write is durable.

mongoengine keeps what is ours and small; FHIR resources never pass here. https://docs.mongoengine.org/
"""

from __future__ import annotations

import os
import threading
from typing import Any, ClassVar, TypeVar

import mongoengine

from fhir_server.storage.mongo import Mongo, translated


class Stored(mongoengine.Document):
    """A document that says where it is kept; `Documents.rows` binds it to a database."""

    COLLECTION: ClassVar[str] = ""
    INDEXES: ClassVar[list[Any]] = []
    meta = {"abstract": True}  # noqa: RUF012  # mongoengine reads a plain class attribute


S = TypeVar("S", bound=Stored)


class Documents:
    """The mongoengine documents of one database; safe to share between threads and across fork."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._lock = threading.RLock()
        self._pid = 0
        self._alias = f"{mongo.database_name}-{id(self)}"
        self._classes: dict[type[Stored], Any] = {}

    def rows(self, document: type[S]) -> Any:
        """Returns the class of a document in this database; ask it for `objects`, make rows with it."""
        if self._pid == os.getpid() and document in self._classes:
            return self._classes[document]
        with self._lock:
            if self._pid != os.getpid():
                self._connect()
            if document not in self._classes:
                bound = self._bind(document)
                with translated():
                    bound.ensure_indexes()
                self._classes[document] = bound
            return self._classes[document]

    def _bind(self, document: type[S]) -> Any:
        # mongoengine binds a class to a connection, so each database has a class of its own.
        meta = {
            "db_alias": self._alias,
            "collection": document.COLLECTION,
            "indexes": document.INDEXES,
            "allow_inheritance": False,
            "auto_create_index": False,
        }
        return type(f"{document.__name__}Row", (document,), {"meta": meta})

    def _connect(self) -> None:
        if self._pid:
            mongoengine.disconnect(self._alias)
            self._classes = {}
        mongoengine.connect(
            self._mongo.database_name,
            alias=self._alias,
            host=self._mongo.uri,
            tz_aware=True,
            uuidRepresentation="standard",
            w="majority",
            journal=True,
            serverSelectionTimeoutMS=self._mongo.wait_ms,
            socketTimeoutMS=30_000,
            appname="fhir-server-accounts",
        )
        self._pid = os.getpid()


def expiry(field: str, after: int = 0) -> dict[str, Any]:
    """The index that removes a row `after` seconds past an instant."""
    return {"fields": [field], "expireAfterSeconds": after}
