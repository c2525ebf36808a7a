"""Which records and resources have come to a deadline: questions about all records, for the clock alone.

docs/security/life-of-a-record.md
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_server.fhir.labels import INVISIBLE_PATIENT
from fhir_server.storage.mongo import RECORD_POLICIES, STATE, Document, Mongo, translated

_REACHED = "record-timers"
"""In the collection `state`: the moment up to which deadlines were told, ms."""


class Deadlines:
    """The deadlines of one database."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def records_in(self, state: str, before: int) -> list[str]:
        """Returns the patients whose record has had a state since a moment (ms) or longer, longest first."""
        query: Document = {"state": {"$eq": state}, "since": {"$gt": 0, "$lte": before}}
        with translated():
            policies = self._mongo.prepared(RECORD_POLICIES)
            return [row["_id"] for row in policies.find(query, {"_id": 1}).sort([("since", 1), ("_id", 1)])]

    def undated_in(self, state: str) -> int:
        """Counts the records in a state of which an earlier release did not note since when."""
        query: Document = {"state": {"$eq": state}, "since": {"$not": {"$gt": 0}}}
        with translated():
            return self._mongo.prepared(RECORD_POLICIES).count_documents(query)

    def of_age(self, since: int, until: int) -> list[str]:
        """Returns the holders who came of age after one moment and not after another (ms)."""
        query: Document = {"majority": {"$gt": max(since, 0), "$lte": until}}
        with translated():
            policies = self._mongo.prepared(RECORD_POLICIES)
            return [row["_id"] for row in policies.find(query, {"_id": 1}).sort("_id", 1)]

    def shown(self, resource_type: str, since: int, until: int) -> Iterator[Document]:
        """Yields what INVISIBLE_PATIENT ceased to hide within a span of time (ms), with its bytes."""
        query: Document = {
            "iv": {"$gt": max(since, 0), "$lte": until},
            "vis": {"$bitsAllSet": INVISIBLE_PATIENT},
            "p": {"$exists": True},
            "d": {"$exists": False},
        }
        with translated():
            yield from (
                self._mongo.prepared(resource_type).find(query, {"p": 1, "iv": 1, "z": 1}).sort("iv", 1)
            )

    def reached(self) -> int:
        """Returns the moment up to which deadlines were told, ms; 0 before the first time."""
        with translated():
            row = self._mongo.collection(STATE).find_one({"_id": _REACHED})
        return int(row["at"]) if row is not None else 0

    def reach(self, moment: int) -> None:
        """Notes that deadlines were told up to a moment (ms); it never goes back."""
        with translated():
            states = self._mongo.prepared(STATE)
            states.update_one({"_id": _REACHED}, {"$max": {"at": moment}}, upsert=True)
