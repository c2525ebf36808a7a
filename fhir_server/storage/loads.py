"""What `fhir-server load` has done, kept in the database that it fills: dropped and restored with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pymongo.client_session import ClientSession

from fhir_server.storage.mongo import STATE, Mongo, translated

Note = Callable[[ClientSession], None]
"""Writes into the transaction that it is about."""


class AlreadyLoaded(Exception):
    """The line was loaded by a run that died before it could say so."""


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far one file came."""

    done: int = 0
    """Lines that need no second visit, except those in `failed`; a file that is one document has one line."""
    complete: bool = False
    failed: tuple[int, ...] = ()
    """Numbers of the lines that were refused, from 1."""


class Loads:
    """The progress of every file loaded into this database, known by its content, not by its name."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def progress(self, digest: str) -> LoadProgress:
        """Returns how far the file with this content came; nothing done when it was never seen."""
        with translated():
            return self._read(digest)

    def _read(self, digest: str, session: ClientSession | None = None) -> LoadProgress:
        row = self._mongo.collection(STATE).find_one({"_id": _key(digest)}, session=session)
        if row is None:
            return LoadProgress()
        return LoadProgress(row["done"], row["complete"], tuple(row["failed"]))

    def record(self, digest: str, name: str, progress: LoadProgress) -> None:
        """Keeps how far the file came."""
        with translated():
            self._write(digest, name, progress)

    def _write(
        self, digest: str, name: str, progress: LoadProgress, session: ClientSession | None = None
    ) -> None:
        row = {
            "name": name,
            "done": progress.done,
            "complete": progress.complete,
            "failed": list(progress.failed),
        }
        states = self._mongo.prepared(STATE)
        states.update_one({"_id": _key(digest)}, {"$set": row}, upsert=True, session=session)

    def note(self, digest: str, name: str, line: int) -> Note:
        """Returns what keeps, in the transaction that loads a line, that it is loaded.

        A line whose Bundle makes new resources would make them twice, if the process died between the two.
        """

        def write(session: ClientSession) -> None:
            before = self._read(digest, session)
            if line <= before.done and line not in before.failed:
                raise AlreadyLoaded
            failed = tuple(number for number in before.failed if number != line)
            done = max(line, before.done)
            self._write(digest, name, LoadProgress(done, before.complete, failed), session)

        return write


def _key(digest: str) -> str:
    return f"load:{digest}"
