"""A login that went to an upstream provider: state, nonce, verifier. OpenID Connect Core §3.1.2"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored, expiry
from fhir_server.storage.mongo import translated
from fhir_server.storage.opaque import digest

_LIFETIME = timedelta(minutes=10)


class UpstreamLogin(Stored):
    """One way to a provider and back."""

    digest = mongoengine.StringField(primary_key=True)
    """Of the state and the browser that took it along: nobody else's browser can bring it back."""
    provider = mongoengine.StringField(required=True)
    nonce = mongoengine.StringField(required=True)
    code_verifier = mongoengine.StringField(required=True)
    request_id = mongoengine.StringField(default="")
    next = mongoengine.StringField(default="")
    link = mongoengine.StringField(default="")
    """The account to which the provider's subject is to be linked; empty for a login."""
    expires_at = mongoengine.DateTimeField(required=True)
    COLLECTION: ClassVar[str] = "login_upstream"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at")]
    meta = {"abstract": True}  # noqa: RUF012  # mongoengine reads a plain class attribute


class UpstreamLogins:
    """Keeps what is under way; each comes back once."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def add(self, state: str, browser: str, **fields: str) -> None:
        """Keeps a login that leaves now."""
        expires_at = datetime.now(UTC) + _LIFETIME
        with translated():
            self._documents.rows(UpstreamLogin)(
                digest=digest(f"{state} {browser}"), expires_at=expires_at, **fields
            ).save(force_insert=True)

    def take(self, state: str, browser: str) -> UpstreamLogin | None:
        """Returns and removes what this browser left with."""
        with translated():
            row: UpstreamLogin | None = (
                self._documents.rows(UpstreamLogin)
                .objects(digest=digest(f"{state} {browser}"), expires_at__gt=datetime.now(UTC))
                .modify(remove=True)
            )
        return row
