"""Physical deletion of a record: what belongs to it in each collection, and the proof that it is gone.

docs/security/life-of-a-record.md. The audit trail and its seals stay.

| field of `purges` | meaning |
|---|---|
| _id | random |
| patient, state, since | whose record, which state made it due, since when, ms |
| started, finished, abandoned | ms; abandoned: the record was taken back meanwhile |
| before, after | rows of each collection that held any; after: the same, asked again |
| named | rows of others that still name the patient, by collection |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.write_concern import WriteConcern

from fhir_server.fhir.logical_id import new_id
from fhir_server.search.entries import prefix_range
from fhir_server.storage.mongo import (
    AUDIT,
    HISTORY,
    LOCKS,
    OUTBOX,
    PAST_POLICIES,
    PURGES,
    RECORD_POLICIES,
    Document,
    Mongo,
    translated,
)

DELETING = "deleting"
_BY_ID: Document = {"_id": 1}

Criteria = Iterator[tuple[str, Document]]
"""Collection → the filter of what belongs to a record."""


class Purges:
    """The purges of one database; each step may be repeated."""

    def __init__(self, mongo: Mongo, resource_types: frozenset[str], base_url: str) -> None:
        self._mongo = mongo
        self._resource_types = resource_types - {AUDIT}
        self._base_url = base_url

    # --- what is due and what is under way ---------------------------------------------------------

    def unfinished(self) -> list[Document]:
        """Returns the purges that a crash interrupted, oldest first."""
        query: Document = {"finished": {"$exists": False}, "abandoned": {"$exists": False}}
        with translated():
            return list(self._mongo.prepared(PURGES).find(query).sort([("started", 1), ("_id", 1)]))

    def claim(self, patient: str, state: str, before: int, now: int) -> Document | None:
        """Begins the purge of a record that is due still; None where it is not, or somebody else began.

        The record is in deletion from then on: no holder opens it again.
        """
        for name in (PURGES, RECORD_POLICIES):
            self._mongo.prepared(name)
        query: Document = {
            "_id": {"$eq": patient},
            "state": {"$eq": state},
            "since": {"$gt": 0, "$lte": before},
            "purge": {"$exists": False},
        }

        def callback(session: ClientSession) -> Document | None:
            row: Document = {"_id": new_id(), "patient": patient, "state": state, "started": now}
            mark = {"$set": {"state": DELETING, "purge": row["_id"]}}
            policies = self._mongo.collection(RECORD_POLICIES)
            found = policies.find_one_and_update(query, mark, session=session)
            if found is None:
                return None
            row["since"] = found["since"]
            self._mongo.collection(PURGES).insert_one(row, session=session)
            return row

        with translated(), self._mongo.client.start_session() as session:
            return session.with_transaction(callback, write_concern=WriteConcern(w="majority", j=True))

    def is_taken_back(self, purge: Document) -> bool:
        """Tells whether something was decided about the record since its purge began: its mark is gone."""
        with translated():
            policy = self._mongo.collection(RECORD_POLICIES).find_one({"_id": {"$eq": purge["patient"]}})
        return policy is not None and policy.get("purge") != purge["_id"]

    def note(self, purge: Document, **fields: Any) -> Document:
        """Keeps fields of a purge and returns it."""
        with translated():
            self._mongo.prepared(PURGES).update_one({"_id": purge["_id"]}, {"$set": fields})
        return {**purge, **fields}

    # --- what belongs to a record ------------------------------------------------------------------

    def count(self, patient: str) -> dict[str, int]:
        """Returns how many rows of each collection belong to a record, where there are any."""
        with translated():
            counts = {
                name: self._mongo.collection(name).count_documents(query)
                for name, query in self._criteria(patient)
            }
        return {name: count for name, count in sorted(counts.items()) if count}

    def named(self, tokens: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Returns how many resources of each type have one of some index entries."""
        counts = {}
        with translated():
            for name in self._mongo.resource_collections(frozenset(tokens) - {AUDIT}):
                query: Document = {"t": {"$in": list(tokens[name])}}
                counts[name] = self._mongo.collection(name).count_documents(query)
        return {name: count for name, count in counts.items() if count}

    def erase(self, patient: str, erased: Callable[[str], None] = lambda name: None) -> None:
        """Deletes all of a record; the policy last, which tells whose purge it is."""
        with translated():
            for name, query in self._criteria(patient):
                self._mongo.collection(name).delete_many(query)
                if name == "accounts":
                    # Whoever represents others stays, without this record.
                    self._mongo.collection(name).update_many(
                        {"patients": {"$eq": patient}}, {"$pull": {"patients": patient}}
                    )
                erased(name)

    def _criteria(self, patient: str) -> Criteria:
        """Yields each collection once, in the order of deletion: what leads to others goes after them."""
        yield from self._of_persons(patient)
        for name in self._mongo.resource_collections(self._resource_types):
            yield name, _of_type(name, patient)
        yield (
            HISTORY,
            {"$or": [{"p": {"$eq": patient}}, {"rt": "Patient", "id": {"$eq": patient}}, _unowned(patient)]},
        )
        yield OUTBOX, {"$or": [{"patient": {"$eq": patient}}, {"recipient": {"$eq": f"Patient/{patient}"}}]}
        yield LOCKS, {"_id": {"$eq": f"policy/{patient}"}}
        yield PAST_POLICIES, {"_id": prefix_range(f"{patient}/")}
        yield RECORD_POLICIES, {"_id": {"$eq": patient}}

    def _of_persons(self, patient: str) -> Criteria:
        """Yields what lets somebody in: tokens, grants, sessions, accounts of this record alone."""
        users = [f"{root}{one}" for one in self._persons(patient) for root in ("", f"{self._base_url}/")]
        by_person: Document = {"fhir_user": {"$in": users}}
        bound: Document = {"$or": [{"patient": {"$eq": patient}}, {"patients": {"$eq": patient}}, by_person]}
        families = {"family_id": {"$in": self._ids("oauth_token_families", bound)}}
        yield "oauth_access_tokens", bound
        yield "oauth_refresh_tokens", families
        yield "oauth_codes", families
        yield "oauth_token_families", bound
        yield "oauth_grants", bound
        yield "oauth_launches", {"$or": [{"context.patient": {"$eq": patient}}, by_person]}
        waiting = [{f"{place}.patient": {"$eq": patient}} for place in ("launch", "chosen")]
        yield "oauth_authorization_requests", {"$or": waiting}
        alone = {**by_person, "patients": {"$not": {"$elemMatch": {"$ne": patient}}}}
        yield "login_sessions", {"account_id": {"$in": self._ids("accounts", alone)}}
        yield "accounts", alone

    def _persons(self, patient: str) -> list[str]:
        related = self._ids("RelatedPerson", _of_type("RelatedPerson", patient))
        return [f"Patient/{patient}", *(f"RelatedPerson/{one}" for one in related)]

    def _ids(self, name: str, query: Document) -> list[str]:
        return [row["_id"] for row in self._mongo.collection(name).find(query, _BY_ID)]


def _of_type(resource_type: str, patient: str) -> Document:
    own: Document = {"p": {"$eq": patient}}
    if resource_type == "Patient":
        return {"$or": [own, {"_id": {"$eq": patient}}]}
    if resource_type == "Binary":
        unowned = {key: value for key, value in _unowned(patient).items() if key != "rt"}
        return {"$or": [own, unowned]}
    return own


def _unowned(patient: str) -> Document:
    """What the holder stored for a document that never came."""
    return {"rt": "Binary", "p": {"$exists": False}, "au": {"$eq": f"Patient/{patient}"}}
