"""The people who log in: password hash, second factors, the records they may open. NIST SP 800-63B §5

Secrets are kept as hashes where a hash is enough; the key of one-time codes cannot be (RFC 6238 §5.1).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import mongoengine

from fhir_server.errors import Conflict
from fhir_server.storage.documents import Documents, Stored
from fhir_server.storage.mongo import translated

KINDS = ("patient", "representative", "professional", "administrator")


class Passkey(mongoengine.EmbeddedDocument):
    """A WebAuthn credential. https://www.w3.org/TR/webauthn-2/#credential-record"""

    credential_id = mongoengine.BinaryField(required=True)
    public_key = mongoengine.BinaryField(required=True)
    sign_count = mongoengine.IntField(default=0)
    label = mongoengine.StringField(default="")
    added_at = mongoengine.DateTimeField(required=True)


class Account(Stored):
    """One person who may log in."""

    account_id = mongoengine.StringField(primary_key=True)
    username = mongoengine.StringField(required=True)
    kind = mongoengine.StringField(required=True, choices=KINDS)
    display = mongoengine.StringField(required=True)
    fhir_user = mongoengine.StringField(default="")
    """Patient/…, RelatedPerson/… or Practitioner/…; empty for an administrator."""
    patients = mongoengine.ListField(mongoengine.StringField())
    """Ids of the Patients whose record the person opens as holder or representative."""
    rpps = mongoengine.StringField(default="")
    """National number of a professional, by which Pro Santé Connect names her."""
    activities = mongoengine.ListField(mongoengine.DictField())
    """Where and as what a professional works: role, role_display, organization, organization_display."""
    identities = mongoengine.ListField(mongoengine.StringField())
    """Subjects of upstream providers that were linked to the account: "issuer subject"."""
    password_hash = mongoengine.StringField(default="")
    password_until = mongoengine.DateTimeField()
    """End of a password that somebody else chose; the person replaces it at the first login."""
    totp_key = mongoengine.StringField(default="")
    totp_step = mongoengine.LongField(default=0)
    """Time step of the last code that was used: none before it is taken again."""
    passkeys = mongoengine.EmbeddedDocumentListField(Passkey)
    recovery_codes = mongoengine.ListField(mongoengine.StringField())
    disabled_at = mongoengine.DateTimeField()
    created_at = mongoengine.DateTimeField(required=True)
    COLLECTION: ClassVar[str] = "accounts"
    INDEXES: ClassVar[list[Any]] = [
        {"fields": ["username"], "unique": True},
        {
            "fields": ["identities"],
            "unique": True,
            "partialFilterExpression": {"identities.0": {"$exists": True}},
        },
        {"fields": ["rpps"], "unique": True, "partialFilterExpression": {"rpps": {"$gt": ""}}},
    ]
    meta = {"abstract": True}  # noqa: RUF012  # mongoengine reads a plain class attribute

    @property
    def has_second_factor(self) -> bool:
        """Tells whether the person can prove more than a password."""
        return bool(self.totp_key or self.passkeys)


class Accounts:
    """Adds, finds and changes accounts; every change is one atomic update."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def add(self, username: str, kind: str, display: str, **fields: Any) -> Account:
        """Keeps a new account; raises Conflict when its name, RPPS or identity is taken."""
        with translated():
            row: Account = self._rows(
                account_id=secrets.token_hex(16),
                username=normalise(username),
                kind=kind,
                display=display,
                created_at=datetime.now(UTC),
                **fields,
            )
            try:
                row.save(force_insert=True)
            except mongoengine.NotUniqueError as error:
                raise Conflict(
                    f"there is an account with the name, RPPS or identity of {username}"
                ) from error
        return row

    def find(self, username: str) -> Account | None:
        """Returns the account of a name, a disabled one included."""
        return self._first(username=normalise(username))

    def get(self, account_id: str) -> Account | None:
        """Returns the account of an id, a disabled one included."""
        return self._first(account_id=account_id)

    def of_professional(self, rpps: str) -> Account | None:
        """Returns the account of a professional by national number."""
        return self._first(rpps=rpps, kind="professional") if rpps else None

    def of_identity(self, issuer: str, subject: str) -> Account | None:
        """Returns the account that was linked to a subject of an upstream provider."""
        return self._first(identities=f"{issuer} {subject}")

    def all(self) -> list[Account]:
        """Returns every account, by name."""
        with translated():
            return list(self._rows.objects.order_by("username"))

    def set_password(self, account_id: str, password_hash: str, until: datetime | None = None) -> bool:
        """Replaces the password; `until` ends one that somebody else chose."""
        return self._update(account_id, set__password_hash=password_hash, set__password_until=until)

    def set_totp(self, account_id: str, key: str, step: int) -> bool:
        """Sets the key of one-time codes; the code of `step` proved it and is used."""
        return self._update(account_id, set__totp_key=key, set__totp_step=step)

    def use_totp_step(self, account_id: str, step: int) -> bool:
        """Uses the code of a time step; False when it or a later one was used. RFC 6238 §5.2"""
        return self._update(account_id, {"totp_step__lt": step}, set__totp_step=step)

    def add_passkey(self, account_id: str, passkey: Passkey) -> bool:
        """Adds a passkey."""
        return self._update(account_id, push__passkeys=passkey)

    def use_passkey(self, account_id: str, credential_id: bytes, sign_count: int) -> bool:
        """Keeps the counter that a passkey has reached; False when the passkey is gone."""
        known = {"passkeys__credential_id": credential_id}
        return self._update(account_id, known, set__passkeys__S__sign_count=sign_count)

    def remove_passkey(self, account_id: str, credential_id: bytes) -> bool:
        """Removes a passkey."""
        return self._update(account_id, pull__passkeys__credential_id=credential_id)

    def set_recovery_codes(self, account_id: str, digests: Iterable[str]) -> bool:
        """Replaces the recovery codes."""
        return self._update(account_id, set__recovery_codes=list(digests))

    def use_recovery_code(self, account_id: str, digest: str) -> bool:
        """Uses up a recovery code; False when there is none such."""
        return self._update(account_id, {"recovery_codes": digest}, pull__recovery_codes=digest)

    def link(self, account_id: str, issuer: str, subject: str) -> bool:
        """Lets a subject of an upstream provider log in as the account."""
        return self._update(account_id, add_to_set__identities=f"{issuer} {subject}")

    def set_patients(self, account_id: str, patients: Sequence[str]) -> bool:
        """Replaces the records that the person opens as holder or representative."""
        return self._update(account_id, set__patients=list(patients))

    def reset(self, account_id: str, password_hash: str, until: datetime) -> bool:
        """Gives a password for one login and forgets all second factors."""
        return self._update(
            account_id,
            set__password_hash=password_hash,
            set__password_until=until,
            set__totp_key="",
            set__passkeys=[],
            set__recovery_codes=[],
            set__disabled_at=None,
        )

    def disable(self, account_id: str) -> bool:
        """Lets nobody log in as the account any more."""
        return self._update(account_id, set__disabled_at=datetime.now(UTC))

    def _update(self, account_id: str, conditions: Mapping[str, Any] | None = None, **changes: Any) -> bool:
        with translated():
            rows = self._rows.objects(account_id=account_id, **(conditions or {}))
            return bool(rows.update_one(**changes))

    def _first(self, **conditions: Any) -> Account | None:
        with translated():
            row: Account | None = self._rows.objects(**conditions).first()
        return row

    @property
    def _rows(self) -> Any:
        return self._documents.rows(Account)


def normalise(username: str) -> str:
    """Returns the one spelling of a name of an account."""
    return username.strip().casefold()
