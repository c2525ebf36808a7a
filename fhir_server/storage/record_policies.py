"""The policy document of each record, written in the transaction of what it is compiled from.

docs/decisions/0025-the-patient-decides.md. Read on every request that it decides, never from a cache, so that
what the holder decides holds for the next request of any worker.
"""

from __future__ import annotations

from pymongo.client_session import ClientSession

from fhir_server.storage.mongo import PAST_POLICIES, RECORD_POLICIES, Document, Mongo, translated


class RecordPolicies:
    """The policies of one database, and those that they replaced."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def find(self, patient: str, session: ClientSession | None = None) -> Document | None:
        """Returns the policy document of a patient, None where nothing was ever decided."""
        query: Document = {"_id": {"$eq": patient}}
        with translated():
            if session is None:
                rows = self._mongo.direct.find(
                    {"find": RECORD_POLICIES, "filter": query, "limit": 1, "singleBatch": True}
                )
                if rows is not None:
                    return rows[0] if rows else None
            return self._mongo.collection(RECORD_POLICIES).find_one(query, session=session)

    def at_epoch(self, patient: str, epoch: int) -> Document | None:
        """Returns the policy document as it was, for the explanation of an access."""
        with translated():
            current = self.find(patient)
            if current is not None and current["epoch"] == epoch:
                return current
            return self._mongo.collection(PAST_POLICIES).find_one({"_id": {"$eq": f"{patient}/{epoch}"}})

    def treating(self, patient: str, now: int) -> list[str]:
        """Returns the médecins traitants of a patient at a moment (ms)."""
        stored = self.find(patient) or {}
        spans = stored.get("treating", {})
        return [actor for actor, (since, until) in spans.items() if since <= now < until]
