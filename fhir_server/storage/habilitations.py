"""The habilitation matrices that the operator has loaded: the newest holds. docs/security/habilitations.md"""

from __future__ import annotations

from datetime import UTC, datetime

from pymongo.errors import DuplicateKeyError

from fhir_server.errors import Conflict
from fhir_server.storage.mongo import HABILITATIONS, Document, Mongo, translated


class LoadedHabilitations:
    """Versions, numbered from 1; none is ever changed."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def newest_version(self) -> int:
        """Returns the number of the newest matrix, 0 where none was loaded."""
        with translated():
            found = self._mongo.collection(HABILITATIONS).find_one({}, {"_id": 1}, sort=[("_id", -1)])
        return int(found["_id"]) if found else 0

    def text(self, version: int) -> str:
        """Returns a matrix as it was loaded."""
        with translated():
            found = self._mongo.collection(HABILITATIONS).find_one({"_id": {"$eq": version}})
        return str(found["text"]) if found else ""

    def add(self, text: str, name: str) -> int:
        """Adds a matrix that was checked; returns its number."""
        version = self.newest_version() + 1
        row: Document = {"_id": version, "text": text, "name": name, "loaded": datetime.now(UTC)}
        try:
            with translated():
                self._mongo.prepared(HABILITATIONS).insert_one(row)
        except DuplicateKeyError as error:
            raise Conflict("somebody else has just loaded a matrix; look at it first") from error
        return version

    def versions(self) -> list[Document]:
        """Returns number, name and time of each matrix, newest first."""
        with translated():
            return list(self._mongo.collection(HABILITATIONS).find({}, {"text": 0}).sort("_id", -1))
