"""The fields of documents by which the policy knows them: whose, with which labels, by whom, of what kind.

| field | meaning |
|---|---|
| p   | the patient whose record holds it |
| vis | visibility labels as a bit set (fhir/labels.py), its own and those of what it refers to |
| iv  | until when it is hidden from the patient, ms since 1970; 0 where it is not |
| au  | references of its authors |
| dk  | document kind, for the habilitations |
| ds  | of a Consent that states a decision: since when it has its status, ms since 1970 |
| st, ep | of a Patient: the state of the record, and the emergency switches that permit |

docs/decisions/0025-the-patient-decides.md
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pymongo.client_session import ClientSession

from fhir_server.storage.mongo import HISTORY, Document, Mongo, translated
from fhir_server.storage.stored import RECORD_BY_REFERENCE

RECORD_FIELDS = ("vis", "iv", "au", "dk")
_FACTS = dict.fromkeys(("p", *RECORD_FIELDS), 1)


class RecordFields:
    """Reads and writes them, in a transaction or out of one; versions and bytes stay as they are."""

    def __init__(self, mongo: Mongo, session: ClientSession | None = None) -> None:
        self._mongo = mongo
        self._session = session

    def facts(self, resource_type: str, ids: Iterable[str]) -> list[Document]:
        """Returns what is known of some resources that are there."""
        wanted = sorted(set(ids))
        if not wanted:
            return []
        with translated():
            collection = self._mongo.collection(resource_type)
            return list(collection.find({"_id": {"$in": wanted}}, _FACTS, session=self._session))

    def referring(self, resource_type: str, criteria: Document) -> list[Document]:
        """Returns the documents of a type that refer to something, with their bytes."""
        with translated():
            collection = self._mongo.collection(resource_type)
            return list(collection.find(criteria, {**_FACTS, "z": 1}, session=self._session))

    def set(self, resource_type: str, resource_id: str, fields: Document) -> None:
        """Replaces fields of a resource and of all its old versions: the labels of today hide the past."""
        gone = [name for name in RECORD_FIELDS if name not in fields]
        by_reference = resource_type in RECORD_BY_REFERENCE
        change: Document = {"$set": fields} | ({"$unset": dict.fromkeys(gone, "")} if gone else {})
        with translated():
            self._mongo.collection(resource_type).update_one(
                {"_id": {"$eq": resource_id}}, change, session=self._session
            )
            # A resource that was moved left versions that belong to the record it came from.
            past = {**change, "$set": {k: v for k, v in fields.items() if k != "p" or by_reference}}
            self._mongo.collection(HISTORY).update_many(
                {"rt": {"$eq": resource_type}, "id": {"$eq": resource_id}}, past, session=self._session
            )

    def set_state(self, patient: str, state: str, emergency: Sequence[str]) -> None:
        """Notes beside a Patient what those who look for it may know."""
        with translated():
            self._mongo.collection("Patient").update_one(
                {"_id": {"$eq": patient}},
                {"$set": {"st": state, "ep": list(emergency)}},
                session=self._session,
            )

    def of_record(self, resource_type: str, patient: str) -> list[Document]:
        """Returns the current resources of a type in one record, with their bytes."""
        criteria = {"p": {"$eq": patient}, "t": {"$eq": "*"}}
        with translated():
            collection = self._mongo.collection(resource_type)
            return list(collection.find(criteria, {"z": 1, "ds": 1}, session=self._session).sort("_id", 1))
