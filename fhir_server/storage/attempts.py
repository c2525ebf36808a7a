"""Failed attempts, counted before they are made, so that parallel ones cannot pass. OWASP ASVS 5 §6.3.1"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored, expiry
from fhir_server.storage.mongo import translated


class Attempt(Stored):
    """How often something was tried in vain, and when it may be tried again."""

    key = mongoengine.StringField(primary_key=True)
    failures = mongoengine.IntField(required=True)
    next_at = mongoengine.DateTimeField(required=True)
    expires_at = mongoengine.DateTimeField(required=True)
    COLLECTION: ClassVar[str] = "login_attempts"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at")]
    meta = {"abstract": True}  # noqa: RUF012  # mongoengine reads a plain class attribute


class KnownBrowser(Stored):
    """A browser in which a person has logged in before."""

    key = mongoengine.StringField(primary_key=True)
    expires_at = mongoengine.DateTimeField(required=True)
    COLLECTION: ClassVar[str] = "login_browsers"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at")]
    meta = {"abstract": True}  # noqa: RUF012  # mongoengine reads a plain class attribute


Delay = Callable[[int], timedelta]
"""Number of failures → how long until the next attempt."""


class Attempts:
    """Claims attempts under keys; a key forgets after a quiet time."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def claim(self, key: str, delay: Delay, memory: timedelta) -> datetime | None:
        """Counts an attempt and returns None, or returns when the next one is allowed."""
        now = datetime.now(UTC)
        name = _digest(key)
        for _ in range(_TRIES):
            with translated():
                row = self._attempts.objects(key=name).first()
                if row is None:
                    if self._begin(name, now, delay, memory):
                        return None
                    continue
                if row.expires_at <= now:
                    self._attempts.objects(key=name, expires_at=row.expires_at).delete()
                    continue
                if row.next_at > now:
                    return row.next_at  # type: ignore[no-any-return]
                # Only one of several who saw the same count goes on; the others look again.
                if self._count(row, now, delay, memory):
                    return None
        return now + timedelta(seconds=1)

    def count(self, key: str, memory: timedelta) -> int:
        """Counts under a key and returns how often by now; for keys that name their own time."""
        now = datetime.now(UTC)
        for _ in range(_TRIES):
            try:
                with translated():
                    row = self._attempts.objects(key=_digest(key)).modify(
                        upsert=True,
                        new=True,
                        inc__failures=1,
                        set_on_insert__next_at=now,
                        set_on_insert__expires_at=now + memory,
                    )
            except mongoengine.NotUniqueError:  # another began it at the same moment
                continue
            return int(row.failures)
        raise AssertionError("a key that exists cannot be begun again and again")

    def _begin(self, name: str, now: datetime, delay: Delay, memory: timedelta) -> bool:
        try:
            self._attempts(key=name, failures=1, next_at=now + delay(1), expires_at=now + memory).save(
                force_insert=True
            )
        except mongoengine.NotUniqueError:
            return False
        return True

    def _count(self, row: Attempt, now: datetime, delay: Delay, memory: timedelta) -> bool:
        failures = row.failures + 1
        wait = delay(failures)
        changed = self._attempts.objects(key=row.key, failures=row.failures).update_one(
            set__failures=failures, set__next_at=now + wait, set__expires_at=now + wait + memory
        )
        return bool(changed)

    def forget(self, key: str) -> None:
        """Forgets the failures of a key, after a success."""
        with translated():
            self._attempts.objects(key=_digest(key)).delete()

    def remember_browser(self, browser: str, account_id: str, memory: timedelta) -> None:
        """Keeps that a person logged in with this browser."""
        with translated():
            self._documents.rows(KnownBrowser).objects(key=_digest(browser, account_id)).update_one(
                set__expires_at=datetime.now(UTC) + memory, upsert=True
            )

    def knows_browser(self, browser: str, account_id: str) -> bool:
        """Tells whether a person has logged in with this browser."""
        with translated():
            rows = self._documents.rows(KnownBrowser).objects(
                key=_digest(browser, account_id), expires_at__gt=datetime.now(UTC)
            )
            return rows.first() is not None

    @property
    def _attempts(self) -> Any:
        return self._documents.rows(Attempt)


_TRIES = 16


def _digest(*parts: str) -> str:
    # Names that were typed by mistake may be passwords: they are not kept in clear.
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
