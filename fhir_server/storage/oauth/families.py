"""Token families: one authorization and the refresh tokens that follow one another from it. RFC 9700 §4.14.2

Each refresh token is used once. One that comes a second time, later than a parallel request could, has
been stolen or copied: the family ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored, expiry
from fhir_server.storage.mongo import translated
from fhir_server.storage.opaque import digest, new_value

PREFIX = "dmp_rt_"


class TokenFamily(Stored):
    """What one authorization granted; every token of the family copies it."""

    family_id = mongoengine.StringField(primary_key=True)
    client_id = mongoengine.StringField(required=True)
    grant_id = mongoengine.StringField(required=True)
    account_id = mongoengine.StringField(required=True)
    fhir_user = mongoengine.StringField(default="")
    patients = mongoengine.ListField(mongoengine.StringField())
    scope = mongoengine.StringField(required=True)
    patient = mongoengine.StringField(default="")
    encounter = mongoengine.StringField(default="")
    response = mongoengine.DictField()
    """Launch context of the token response."""
    purpose = mongoengine.StringField(default="TREAT")
    activity = mongoengine.DictField()
    """Of a professional: role, organization and their displays."""
    session_id = mongoengine.StringField(default="")
    auth_time = mongoengine.IntField(default=0)
    acr = mongoengine.StringField(default="")
    amr = mongoengine.ListField(mongoengine.StringField())
    jkt = mongoengine.StringField(default="")
    created_at = mongoengine.DateTimeField(required=True)
    expires_at = mongoengine.DateTimeField(required=True)
    """No refresh past this instant."""
    revoked_at = mongoengine.DateTimeField()
    reason = mongoengine.StringField(default="")
    COLLECTION: ClassVar[str] = "oauth_token_families"
    # An access token may outlive the last refresh by its own lifetime.
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at", 86_400), "grant_id", "session_id"]
    meta = {"abstract": True}  # noqa: RUF012


class RefreshToken(Stored):
    """One refresh token of a family."""

    digest = mongoengine.StringField(primary_key=True)
    family_id = mongoengine.StringField(required=True)
    client_id = mongoengine.StringField(required=True)
    used_at = mongoengine.DateTimeField()
    expires_at = mongoengine.DateTimeField(required=True)
    COLLECTION: ClassVar[str] = "oauth_refresh_tokens"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at"), "family_id"]
    meta = {"abstract": True}  # noqa: RUF012


@dataclass(frozen=True, slots=True)
class Authorized:
    """What a person granted in one authorization, and how the person had logged in."""

    client_id: str
    grant_id: str
    account_id: str
    fhir_user: str
    scope: str
    patients: tuple[str, ...] = ()
    patient: str = ""
    encounter: str = ""
    response: Mapping[str, Any] = field(default_factory=dict)
    purpose: str = "TREAT"
    activity: Mapping[str, str] = field(default_factory=dict)
    session_id: str = ""
    auth_time: int = 0
    acr: str = ""
    amr: tuple[str, ...] = ()
    jkt: str = ""


class TokenFamilies:
    """Begins, continues and ends token families of one database."""

    def __init__(self, documents: Documents, lifetime: int) -> None:
        self._documents = documents
        self._lifetime = lifetime

    def begin(self, authorized: Authorized) -> str:
        """Returns the id of a new family."""
        family_id, now = str(uuid.uuid4()), datetime.now(UTC)
        fields = {name: getattr(authorized, name) for name in Authorized.__slots__}
        fields |= {
            "response": dict(authorized.response),
            "activity": dict(authorized.activity),
            "amr": list(authorized.amr),
            "patients": list(authorized.patients),
        }
        with translated():
            self._documents.rows(TokenFamily)(
                family_id=family_id,
                created_at=now,
                expires_at=now + timedelta(seconds=self._lifetime),
                **fields,
            ).save(force_insert=True)
        return family_id

    def find(self, family_id: str) -> TokenFamily | None:
        """Returns a family that was not revoked."""
        with translated():
            found: TokenFamily | None = self._standing(family_id=family_id).first()
        return found

    def bind(self, family_id: str, jkt: str) -> None:
        """Binds a family to the key that first asked for its tokens. RFC 9449 §5"""
        with translated():
            self._standing(family_id=family_id).update(set__jkt=jkt)

    def revoke(self, family_id: str, reason: str) -> bool:
        """Ends a family and, within the time of the token cache, its access tokens."""
        with translated():
            changed = self._standing(family_id=family_id).modify(
                set__revoked_at=datetime.now(UTC), set__reason=reason, new=True
            )
        return changed is not None

    def end_session(self, session_id: str) -> int:
        """Ends the families with online_access of a browser session; returns how many."""
        with translated():
            rows = self._standing(session_id=session_id)
            return int(rows.update(set__revoked_at=datetime.now(UTC), set__reason="logout"))

    def new_refresh_token(self, family: TokenFamily) -> str:
        """Returns the next refresh token of a family; all of them end with the family."""
        token = new_value(PREFIX)
        with translated():
            self._documents.rows(RefreshToken)(
                digest=digest(token),
                family_id=family.family_id,
                client_id=family.client_id,
                expires_at=family.expires_at,
            ).save(force_insert=True)
        return token

    def find_refresh_token(self, token: str) -> RefreshToken | None:
        """Returns a refresh token that has not expired, a used one included."""
        with translated():
            found: RefreshToken | None = self._unexpired(token=digest(token)).first()
        return found

    def claim(self, row: RefreshToken) -> datetime | None:
        """Uses a refresh token: None for exactly one caller, else when it had been used."""
        now = datetime.now(UTC)
        with translated():
            if self._unexpired(token=row.digest, used_at=None).modify(set__used_at=now, new=True) is not None:
                return None
            used = self._unexpired(token=row.digest).first()
        return now if used is None or used.used_at is None else used.used_at

    def _unexpired(self, *, token: str, **conditions: Any) -> Any:
        rows = self._documents.rows(RefreshToken)
        return rows.objects(digest=token, expires_at__gt=datetime.now(UTC), **conditions)

    def _standing(self, **conditions: Any) -> Any:
        return self._documents.rows(TokenFamily).objects(revoked_at=None, **conditions)
