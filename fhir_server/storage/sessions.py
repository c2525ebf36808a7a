"""Login sessions; the browser holds 256 random bits whose digest is the key here. OWASP ASVS 5 §7

A session is one browser's; its id changes at login and when a second factor is proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored, expiry
from fhir_server.storage.mongo import translated
from fhir_server.storage.opaque import digest, new_value


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lives without a request, and in all."""

    idle: timedelta
    absolute: timedelta


class Session(Stored):
    """One login of one person in one browser."""

    digest = mongoengine.StringField(primary_key=True)
    account_id = mongoengine.StringField(required=True)
    complete = mongoengine.BooleanField(default=False)
    """False while a second factor is missing: such a session opens nothing but the page that asks it."""
    amr = mongoengine.ListField(mongoengine.StringField())
    """How the person proved who she is. RFC 8176"""
    acr = mongoengine.StringField(default="")
    activities = mongoengine.ListField(mongoengine.DictField())
    activity = mongoengine.DictField()
    challenge = mongoengine.BinaryField()
    """The WebAuthn challenge that a page waits for."""
    offered_key = mongoengine.StringField(default="")
    """The key of one-time codes that a page offers, until a first code proves it."""
    auth_time = mongoengine.DateTimeField(required=True)
    started_at = mongoengine.DateTimeField(required=True)
    seen_at = mongoengine.DateTimeField(required=True)
    idle_at = mongoengine.DateTimeField(required=True)
    """The session is over at the earlier of the two."""
    expires_at = mongoengine.DateTimeField(required=True)
    COLLECTION: ClassVar[str] = "login_sessions"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at"), "account_id"]
    meta = {"abstract": True}  # noqa: RUF012  # mongoengine reads a plain class attribute


_SEEN_AFTER = timedelta(seconds=30)
"""A session that was seen just now is not written again."""


class Sessions:
    """Starts, finds and ends sessions."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def start(self, account_id: str, lifetime: Lifetime, **fields: Any) -> tuple[str, Session]:
        """Returns the secret of a new session and the session."""
        secret = new_value()
        now = datetime.now(UTC)
        with translated():
            row: Session = self._rows(
                digest=digest(secret),
                account_id=account_id,
                auth_time=now,
                started_at=now,
                seen_at=now,
                idle_at=now + lifetime.idle,
                expires_at=now + lifetime.absolute,
                **fields,
            )
            row.save(force_insert=True)
        return secret, row

    def find(self, secret: str) -> Session | None:
        """Returns a living session by the secret of its browser."""
        return self.get(digest(secret))

    def get(self, session_id: str) -> Session | None:
        """Returns a living session by its id."""
        now = datetime.now(UTC)
        with translated():
            row: Session | None = self._rows.objects(
                digest=session_id, idle_at__gt=now, expires_at__gt=now
            ).first()
        return row

    def see(self, session: Session, lifetime: Lifetime) -> None:
        """Keeps that the session was used now."""
        now = datetime.now(UTC)
        if now - session.seen_at >= _SEEN_AFTER:
            self.change(session, {"set__seen_at": now, "set__idle_at": now + lifetime.idle})

    def change(self, session: Session, changes: Mapping[str, Any]) -> bool:
        """Changes a session that still exists."""
        with translated():
            return bool(self._rows.objects(digest=session.digest).update_one(**changes))

    def take_challenge(self, session: Session) -> bytes | None:
        """Returns the challenge of the session and forgets it: it is answered once."""
        with translated():
            before = self._rows.objects(digest=session.digest).modify(unset__challenge=True, new=False)
        return bytes(before.challenge) if before is not None and before.challenge else None

    def end(self, session_id: str) -> None:
        """Ends a session."""
        with translated():
            self._rows.objects(digest=session_id).delete()

    def end_all(self, account_id: str, but: str = "") -> int:
        """Ends the sessions of a person, except one; returns how many."""
        with translated():
            return int(self._rows.objects(account_id=account_id, digest__ne=but).delete() or 0)

    @property
    def _rows(self) -> Any:
        return self._documents.rows(Session)
