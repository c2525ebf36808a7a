"""Access tokens: 256 random bits for the client, their SHA-256 for us. RFC 6750 §5.2

mongoengine keeps what is ours and small; FHIR resources never pass here.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from datetime import UTC, datetime, timedelta

import mongoengine

from fhir_server.storage.mongo import Mongo, translated


class AccessToken(mongoengine.Document):
    """An opaque access token, known by its hash only."""

    digest = mongoengine.StringField(primary_key=True)
    token_id = mongoengine.StringField(required=True, unique=True)
    client_id = mongoengine.StringField(required=True)
    scope = mongoengine.StringField(required=True)
    patient = mongoengine.StringField(default="")
    fhir_user = mongoengine.StringField(default="")
    issued_at = mongoengine.DateTimeField(required=True)
    expires_at = mongoengine.DateTimeField(required=True)
    revoked = mongoengine.BooleanField(default=False)
    meta = {  # noqa: RUF012  # mongoengine reads a plain class attribute
        "collection": "oauth_access_tokens",
        "indexes": [{"fields": ["expires_at"], "expireAfterSeconds": 0}],
        "auto_create_index": True,
    }


class AccessTokens:
    """Issues, finds and revokes access tokens."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._alias = ""
        self._lock = threading.Lock()

    def issue(
        self, client_id: str, scope: str, *, patient: str = "", fhir_user: str = "", expires_in: int = 3600
    ) -> str:
        """Returns a new token that lives for `expires_in` seconds."""
        token = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        with translated():
            row = AccessToken(
                digest=_digest(token),
                token_id=secrets.token_hex(16),
                client_id=client_id,
                scope=scope,
                patient=patient,
                fhir_user=fhir_user,
                issued_at=now,
                expires_at=now + timedelta(seconds=expires_in),
            )
            row.switch_db(self._connection())
            row.save(force_insert=True, write_concern={"w": "majority", "j": True})
        return token

    def find(self, token: str) -> AccessToken | None:
        """Returns the row of a token, expired and revoked ones included, or None."""
        with translated():
            found: AccessToken | None = (
                AccessToken.objects.using(self._connection()).filter(digest=_digest(token)).first()
            )
        return found

    def revoke(self, token: str) -> bool:
        """Ends a token; tells whether it was known."""
        with translated():
            rows = AccessToken.objects.using(self._connection()).filter(digest=_digest(token))
            return bool(rows.update(set__revoked=True, write_concern={"w": "majority", "j": True}))

    def _connection(self) -> str:
        """Returns the mongoengine alias of this process: clients do not survive a fork."""
        alias = f"{self._mongo.database_name}-{os.getpid()}"
        if alias != self._alias:
            with self._lock:
                if alias not in mongoengine.connection._connection_settings:
                    mongoengine.connect(
                        self._mongo.database_name,
                        alias=alias,
                        host=self._mongo.uri,
                        tz_aware=True,
                        uuidRepresentation="standard",
                        serverSelectionTimeoutMS=5_000,
                        socketTimeoutMS=30_000,
                        appname="fhir-server-accounts",
                    )
                self._alias = alias
        return alias


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
