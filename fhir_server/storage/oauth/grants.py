"""What one person granted to one client for one record; revoking it ends all that came of it. RFC 7009 §2"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored
from fhir_server.storage.mongo import translated


class Grant(Stored):
    """One grant; a new decision of the same person for the same client and record replaces its scopes."""

    grant_id = mongoengine.StringField(primary_key=True)
    account_id = mongoengine.StringField(required=True)
    client_id = mongoengine.StringField(required=True)
    patient = mongoengine.StringField(default="")
    fhir_user = mongoengine.StringField(default="")
    scopes = mongoengine.ListField(mongoengine.StringField())
    remembered = mongoengine.BooleanField(default=False)
    """The person need not be asked again for these scopes."""
    created_at = mongoengine.DateTimeField(required=True)
    decided_at = mongoengine.DateTimeField(required=True)
    used_at = mongoengine.DateTimeField()
    """When a token was last issued on it."""
    revoked_at = mongoengine.DateTimeField()
    revoked_by = mongoengine.StringField(default="")
    COLLECTION: ClassVar[str] = "oauth_grants"
    INDEXES: ClassVar[list[Any]] = [("account_id", "-decided_at"), "patient", "client_id"]
    meta = {"abstract": True}  # noqa: RUF012


@dataclass(frozen=True, slots=True)
class GrantParties:
    """Who granted, to whom, whose record."""

    account_id: str
    client_id: str
    patient: str
    fhir_user: str


class Grants:
    """Keeps, finds and revokes grants of one database."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def decide(self, parties: GrantParties, scopes: Sequence[str], *, remembered: bool) -> str:
        """Keeps a decision and returns the id of its grant."""
        now = datetime.now(UTC)
        with translated():
            row = self._between(parties).modify(
                upsert=True,
                new=True,
                set_on_insert__grant_id=str(uuid.uuid4()),
                set_on_insert__created_at=now,
                set__fhir_user=parties.fhir_user,
                set__scopes=list(scopes),
                set__remembered=remembered,
                set__decided_at=now,
            )
        return str(row.grant_id)

    def find_by(self, parties: GrantParties) -> Grant | None:
        """Returns what a person has granted to a client for a record before."""
        with translated():
            found: Grant | None = self._between(parties).first()
        return found

    def find(self, grant_id: str) -> Grant | None:
        """Returns a grant that stands."""
        with translated():
            found: Grant | None = self._standing(grant_id=grant_id).first()
        return found

    def remembered(self, account_id: str, client_id: str) -> list[Grant]:
        """Returns the decisions of a person about a client that need not be asked again."""
        with translated():
            return list(self._standing(account_id=account_id, client_id=client_id, remembered=True))

    def of_account(self, account_id: str) -> list[Grant]:
        """Returns what a person has granted and not revoked, the latest first."""
        with translated():
            return list(self._standing(account_id=account_id).order_by("-decided_at"))

    def of_patient(self, patient: str) -> list[Grant]:
        """Returns the grants that reach the record of a patient, whoever gave them."""
        with translated():
            return list(self._standing(patient=patient).order_by("-decided_at"))

    def used(self, grant_id: str) -> None:
        """Notes that a token was issued on a grant."""
        with translated():
            self._standing(grant_id=grant_id).update(set__used_at=datetime.now(UTC))

    def revoke(self, grant_id: str, revoked_by: str) -> bool:
        """Ends a grant and, within the time of the token cache, every token that came of it."""
        with translated():
            changed = self._standing(grant_id=grant_id).modify(
                set__revoked_at=datetime.now(UTC), set__revoked_by=revoked_by, new=True
            )
        return changed is not None

    def _between(self, parties: GrantParties) -> Any:
        return self._standing(
            account_id=parties.account_id, client_id=parties.client_id, patient=parties.patient
        )

    def _standing(self, **conditions: Any) -> Any:
        return self._documents.rows(Grant).objects(revoked_at=None, **conditions)
