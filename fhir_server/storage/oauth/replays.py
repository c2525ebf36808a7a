"""Names of assertions and proofs that have been seen; each is accepted once. RFC 7523 §3, RFC 9449 §11.1"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored, expiry
from fhir_server.storage.mongo import translated
from fhir_server.storage.opaque import digest


class Replay(Stored):
    """A name that was used, until nobody could use it again."""

    digest = mongoengine.StringField(primary_key=True)
    expires_at = mongoengine.DateTimeField(required=True)
    COLLECTION: ClassVar[str] = "oauth_replays"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at")]
    meta = {"abstract": True}  # noqa: RUF012


class Replays:
    """Tells first uses from repetitions."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def is_first(self, kind: str, issuer: str, jti: str, expires_at: int) -> bool:
        """Notes a name; True for exactly one caller. `expires_at`: second from which it is refused anyway."""
        row = self._documents.rows(Replay)(
            digest=digest("\0".join((kind, issuer, jti))), expires_at=datetime.fromtimestamp(expires_at, UTC)
        )
        with translated():
            try:
                row.save(force_insert=True)
            except mongoengine.NotUniqueError:
                return False
        return True
