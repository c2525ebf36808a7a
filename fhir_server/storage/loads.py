"""What `fhir-server load` has done, kept in the database that it fills: dropped and restored with it."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.storage.mongo import STATE, Mongo, translated


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
            row = self._mongo.collection(STATE).find_one({"_id": _key(digest)})
        return (
            LoadProgress()
            if row is None
            else LoadProgress(row["done"], row["complete"], tuple(row["failed"]))
        )

    def record(self, digest: str, name: str, progress: LoadProgress) -> None:
        """Keeps how far the file came."""
        row = {
            "name": name,
            "done": progress.done,
            "complete": progress.complete,
            "failed": list(progress.failed),
        }
        with translated():
            self._mongo.prepared(STATE).update_one({"_id": _key(digest)}, {"$set": row}, upsert=True)


def _key(digest: str) -> str:
    return f"load:{digest}"
