"""Tells a worker at once that a token, family, grant or client was taken back, by a change stream.

https://www.mongodb.com/docs/manual/changeStreams/. A hint, no guarantee: while the stream is broken, what a
worker remembers ends by itself, after TOKEN_CACHE_SECONDS.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from fhir_server.storage.mongo import Document, Mongo
from fhir_server.storage.oauth.access_tokens import AccessToken
from fhir_server.storage.oauth.clients import Client
from fhir_server.storage.oauth.families import TokenFamily
from fhir_server.storage.oauth.grants import Grant

_log = logging.getLogger(__name__)

_AWAIT_MS = 1_000
"""How long one look waits; an event ends it at once."""
_SHORTEST, _LONGEST = 0.2, 30.0
"""Seconds between two attempts to open the stream."""

_COLLECTIONS = [one.COLLECTION for one in (AccessToken, TokenFamily, Grant, Client)]
# That a grant was used changes it, too, and with every token: only what takes something back counts.
_TAKEN_BACK = [
    {f"updateDescription.updatedFields.{name}": {"$exists": True}}
    for name in ("revoked", "revoked_at", "status")
]
_PIPELINE: list[Document] = [
    {
        "$match": {
            "ns.coll": {"$in": _COLLECTIONS},
            "$or": [{"operationType": {"$in": ["delete", "replace"]}}, *_TAKEN_BACK],
        }
    },
    {"$project": {"operationType": 1}},
]


class Revocations:
    """A thread of this process that calls `forget` for each thing that was taken back."""

    def __init__(self, mongo: Mongo, forget: Callable[[], None]) -> None:
        self._mongo = mongo
        self._forget = forget
        self._pid = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.is_open = threading.Event()
        """Set while the stream is open."""

    def start(self) -> None:
        """Starts the thread of this process, once; a worker needs its own after the fork."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            self._ended, self.is_open = threading.Event(), threading.Event()
            threading.Thread(target=self._run, name="revocations", daemon=True).start()
            self._pid = os.getpid()

    def stop(self) -> None:
        """Ends the thread, within a second."""
        self._ended.set()

    def _run(self) -> None:
        delay = _SHORTEST
        while not self._ended.is_set():
            try:
                with self._open() as stream:
                    delay = _SHORTEST
                    self._follow(stream)
            except PyMongoError as error:
                if delay == _SHORTEST:
                    _log.warning("revocations are not followed for now: %s", type(error).__name__)
            finally:
                self.is_open.clear()
            self._ended.wait(delay)
            delay = min(2 * delay, _LONGEST)

    def _open(self) -> Any:
        majority = ReadConcern("majority")
        database = self._mongo.client.get_database(self._mongo.database_name, read_concern=majority)
        return database.watch(_PIPELINE, max_await_time_ms=_AWAIT_MS)

    def _follow(self, stream: Any) -> None:
        self._forget()  # what was taken back while nobody looked
        self.is_open.set()
        while stream.alive and not self._ended.is_set():
            if stream.try_next() is not None:
                self._forget()
