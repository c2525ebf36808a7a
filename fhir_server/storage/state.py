"""Small facts that all workers share and that no client sees: secrets made here, files already loaded."""

from __future__ import annotations

from pymongo import ReturnDocument

from fhir_server.storage.mongo import STATE, Mongo, translated


class State:
    """Names and their values; the first to set a value wins."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def keep(self, name: str, value: str) -> str:
        """Returns the value kept under a name, this one when there was none."""
        with translated():
            found = self._mongo.prepared(STATE).find_one_and_update(
                {"_id": {"$eq": name}},
                {"$setOnInsert": {"value": value}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        if found is None:  # pragma: no cover - an upsert returns what it wrote
            raise AssertionError(name)
        return str(found["value"])

    def get(self, name: str) -> str | None:
        """Returns the value kept under a name."""
        with translated():
            found = self._mongo.collection(STATE).find_one({"_id": {"$eq": name}})
        return None if found is None else str(found["value"])
