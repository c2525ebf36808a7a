"""Authorization codes: one use, one minute. RFC 6749 §4.1.2, RFC 9700 §2.1.1"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored, expiry
from fhir_server.storage.mongo import translated
from fhir_server.storage.opaque import digest, new_value

MOST_FAILURES = 3


class AuthorizationCode(Stored):
    """One code and what it was granted for; kept an hour past its end, so that a second use is seen."""

    digest = mongoengine.StringField(primary_key=True)
    client_id = mongoengine.StringField(required=True)
    redirect_uri = mongoengine.StringField(required=True)
    code_challenge = mongoengine.StringField(required=True)
    code_challenge_method = mongoengine.StringField(required=True)
    family_id = mongoengine.StringField(required=True)
    nonce = mongoengine.StringField(default="")
    jkt = mongoengine.StringField(default="")
    """dpop_jkt of the authorization request. RFC 9449 §10"""
    expires_at = mongoengine.DateTimeField(required=True)
    used_at = mongoengine.DateTimeField()
    failures = mongoengine.IntField(default=0)
    COLLECTION: ClassVar[str] = "oauth_codes"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at", 3600)]
    meta = {"abstract": True}  # noqa: RUF012

    def get_redirect_uri(self) -> str:
        """The redirection that the token request must repeat; Authlib asks."""
        return str(self.redirect_uri)


class AuthorizationCodes:
    """Issues codes and gives each of them away once."""

    def __init__(self, documents: Documents, lifetime: int) -> None:
        self._documents = documents
        self._lifetime = lifetime

    def add(self, **fields: str) -> str:
        """Returns a new code for the fields of AuthorizationCode."""
        code = new_value()
        with translated():
            self._documents.rows(AuthorizationCode)(
                digest=digest(code),
                expires_at=datetime.now(UTC) + timedelta(seconds=self._lifetime),
                **fields,
            ).save(force_insert=True)
        return code

    def find(self, code: str, client_id: str) -> AuthorizationCode | None:
        """Returns a code of a client, a used or expired one included."""
        with translated():
            found: AuthorizationCode | None = (
                self._documents.rows(AuthorizationCode)
                .objects(digest=digest(code), client_id=client_id)
                .first()
            )
        return found

    def claim(self, row: AuthorizationCode) -> bool:
        """Uses a code: True for exactly one caller, before its end."""
        with translated():
            claimed = self._usable(row).modify(set__used_at=datetime.now(UTC), new=True)
        return claimed is not None

    def used_at(self, row: AuthorizationCode) -> datetime | None:
        """Returns when a code was used."""
        with translated():
            now = self._documents.rows(AuthorizationCode).objects(digest=row.digest).first()
        return None if now is None else now.used_at

    def count_failure(self, row: AuthorizationCode) -> None:
        """Counts a wrong verifier; the code ends with the third."""
        with translated():
            self._usable(row).update(inc__failures=1)

    def _usable(self, row: AuthorizationCode) -> Any:
        return self._documents.rows(AuthorizationCode).objects(
            digest=row.digest, used_at=None, expires_at__gt=datetime.now(UTC), failures__lt=MOST_FAILURES
        )
