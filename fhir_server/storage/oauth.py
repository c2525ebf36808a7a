"""Access tokens: 256 random bits for the client, their SHA-256 for us. RFC 6750 §5.2

mongoengine keeps what is ours and small; FHIR resources never pass here.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import mongoengine

from fhir_server.storage.mongo import Mongo, translated

_DURABLE = {"w": "majority", "j": True}


class AccessToken(mongoengine.Document):
    """An opaque access token, known by its hash only."""

    digest = mongoengine.StringField(primary_key=True)
    token_id = mongoengine.StringField(required=True)
    client_id = mongoengine.StringField(required=True)
    scope = mongoengine.StringField(required=True)
    patient = mongoengine.StringField(default="")
    fhir_user = mongoengine.StringField(default="")
    issued_at = mongoengine.DateTimeField(required=True)
    expires_at = mongoengine.DateTimeField(required=True)
    revoked = mongoengine.BooleanField(default=False)
    meta = {"abstract": True}  # noqa: RUF012  # mongoengine reads a plain class attribute


class AccessTokens:
    """Issues, finds and revokes access tokens of one database."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._lock = threading.Lock()
        self._pid = 0
        self._alias = f"{mongo.database_name}-{id(self)}"
        # mongoengine binds a class to a connection, so each database has a class of its own.
        self._class: Any = type(
            "StoredAccessToken",
            (AccessToken,),
            {
                "meta": {
                    "db_alias": self._alias,
                    "collection": "oauth_access_tokens",
                    "indexes": [{"fields": ["expires_at"], "expireAfterSeconds": 0}],
                    "allow_inheritance": False,
                }
            },
        )

    def issue(
        self, client_id: str, scope: str, *, patient: str = "", fhir_user: str = "", expires_in: int = 3600
    ) -> str:
        """Returns a new token that lives for `expires_in` seconds."""
        token = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        with translated():
            row = self._rows()(
                digest=_digest(token),
                token_id=secrets.token_hex(16),
                client_id=client_id,
                scope=scope,
                patient=patient,
                fhir_user=fhir_user,
                issued_at=now,
                expires_at=now + timedelta(seconds=expires_in),
            )
            row.save(force_insert=True, write_concern=_DURABLE)
        return token

    def find(self, token: str) -> AccessToken | None:
        """Returns the row of a token, expired and revoked ones included, or None."""
        with translated():
            found: AccessToken | None = self._rows().objects(digest=_digest(token)).first()
        return found

    def revoke(self, token: str) -> bool:
        """Ends a token; tells whether it was known."""
        with translated():
            rows = self._rows().objects(digest=_digest(token))
            return bool(rows.update(set__revoked=True, write_concern=_DURABLE))

    def _rows(self) -> Any:
        """Returns the document class, connected in this process: clients do not survive a fork."""
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._connect()
        return self._class

    def _connect(self) -> None:
        if self._pid:
            mongoengine.disconnect(self._alias)
            self._class._collection = None
        mongoengine.connect(
            self._mongo.database_name,
            alias=self._alias,
            host=self._mongo.uri,
            tz_aware=True,
            uuidRepresentation="standard",
            serverSelectionTimeoutMS=self._mongo.wait_ms,
            socketTimeoutMS=30_000,
            appname="fhir-server-accounts",
        )
        self._pid = os.getpid()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
