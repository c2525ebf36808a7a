"""The private keys that sign id_tokens, as JWKs. RFC 7517"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored, expiry
from fhir_server.storage.mongo import translated


class SigningKey(Stored):
    """One key; it signs until the next one is made, and is published a while longer."""

    kid = mongoengine.StringField(primary_key=True)
    period = mongoengine.IntField(required=True, unique=True)
    """Number of the rotation it belongs to: of workers that rotate together one wins."""
    jwk = mongoengine.DictField()
    created_at = mongoengine.DateTimeField(required=True)
    expires_at = mongoengine.DateTimeField(required=True)
    COLLECTION: ClassVar[str] = "oauth_signing_keys"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at")]
    meta = {"abstract": True}  # noqa: RUF012


class SigningKeys:
    """Keeps the signing keys of one database."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def list(self) -> list[SigningKey]:
        """Returns the keys that are published, the newest first."""
        with translated():
            rows = self._documents.rows(SigningKey).objects(expires_at__gt=datetime.now(UTC))
            return list(rows.order_by("-period"))

    def add(self, kid: str, period: int, jwk: Mapping[str, Any], expires_at: datetime) -> bool:
        """Keeps a new key; False when another worker has made one for the period."""
        row = self._documents.rows(SigningKey)(
            kid=kid, period=period, jwk=dict(jwk), created_at=datetime.now(UTC), expires_at=expires_at
        )
        with translated():
            try:
                row.save(force_insert=True)
            except mongoengine.NotUniqueError:
                return False
        return True
