"""Access tokens: opaque, known by their hash only. RFC 6750 §5.2

A row says all that a request needs; whether its grant, its family and its client still stand is asked
beside it, so that a revocation needs no list of tokens and misses none that is being issued.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored, expiry
from fhir_server.storage.mongo import translated
from fhir_server.storage.oauth.clients import Client
from fhir_server.storage.oauth.families import TokenFamily
from fhir_server.storage.oauth.grants import Grant
from fhir_server.storage.opaque import digest, new_value

PREFIX = "dmp_at_"


class AccessToken(Stored):
    """One access token and the context it carries."""

    digest = mongoengine.StringField(primary_key=True)
    token_id = mongoengine.StringField(required=True)
    """Random name of the token in audit and logs; not the token."""
    client_id = mongoengine.StringField(required=True)
    scope = mongoengine.StringField(required=True)
    patient = mongoengine.StringField(default="")
    fhir_user = mongoengine.StringField(default="")
    patients = mongoengine.ListField(mongoengine.StringField())
    """Records that the person holds or represents; user/ scopes reach them."""
    encounter = mongoengine.StringField(default="")
    purpose = mongoengine.StringField(default="TREAT")
    activity = mongoengine.DictField()
    """Of a professional: role, organization and their displays."""
    account_id = mongoengine.StringField(default="")
    grant_id = mongoengine.StringField(default="")
    family_id = mongoengine.StringField(default="")
    response = mongoengine.DictField()
    """Launch context of the token response, which introspection repeats."""
    subject = mongoengine.StringField(default="")
    """sub of the id_token, when one was issued with it."""
    jkt = mongoengine.StringField(default="")
    """Thumbprint of the key the token is bound to. RFC 9449 §6"""
    issued_at = mongoengine.DateTimeField(required=True)
    expires_at = mongoengine.DateTimeField(required=True)
    revoked = mongoengine.BooleanField(default=False)
    COLLECTION: ClassVar[str] = "oauth_access_tokens"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at")]
    meta = {"abstract": True}  # noqa: RUF012


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a new access token says."""

    client_id: str
    scope: str
    patient: str = ""
    fhir_user: str = ""
    patients: tuple[str, ...] = ()
    encounter: str = ""
    purpose: str = "TREAT"
    activity: Mapping[str, str] = field(default_factory=dict)
    account_id: str = ""
    grant_id: str = ""
    family_id: str = ""
    response: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""
    jkt: str = ""


class AccessTokens:
    """Issues, finds and revokes access tokens of one database."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def add(self, facts: TokenFacts, expires_in: int) -> tuple[str, str]:
        """Keeps a new token that lives for `expires_in` seconds; returns it and its name."""
        token, token_id = new_value(PREFIX), secrets.token_hex(16)
        now = datetime.now(UTC)
        with translated():
            self._documents.rows(AccessToken)(
                digest=digest(token),
                token_id=token_id,
                client_id=facts.client_id,
                scope=facts.scope,
                patient=facts.patient,
                fhir_user=facts.fhir_user,
                patients=list(facts.patients),
                encounter=facts.encounter,
                purpose=facts.purpose,
                activity=dict(facts.activity),
                account_id=facts.account_id,
                grant_id=facts.grant_id,
                family_id=facts.family_id,
                response=dict(facts.response),
                subject=facts.subject,
                jkt=facts.jkt,
                issued_at=now,
                expires_at=now + timedelta(seconds=expires_in),
            ).save(force_insert=True)
        return token, token_id

    def find(self, token: str) -> AccessToken | None:
        """Returns the row of a token, expired and revoked ones included, or None."""
        with translated():
            found: AccessToken | None = (
                self._documents.rows(AccessToken).objects(digest=digest(token)).first()
            )
        return found

    def stands(self, row: AccessToken) -> bool:
        """Tells whether nothing behind a token was taken back: itself, its family, its grant, its client."""
        with translated():
            return not (
                row.revoked
                or self._ended(TokenFamily, row.family_id)
                or self._ended(Grant, row.grant_id)
                or self._disabled(row)
            )

    def revoke(self, token: str) -> bool:
        """Ends a token; tells whether it was known."""
        with translated():
            rows = self._documents.rows(AccessToken).objects(digest=digest(token))
            return bool(rows.update(set__revoked=True))

    def _ended(self, document: type[Stored], key: str) -> bool:
        if not key:
            return False
        # A row that is gone gives no right either.
        standing = self._documents.rows(document).objects(pk=key, revoked_at=None)
        return standing.only("pk").as_pymongo().first() is None

    def _disabled(self, row: AccessToken) -> bool:
        registered = self._documents.rows(Client).objects(pk=row.client_id)
        client = registered.only("status").as_pymongo().first()
        # The operator's tokens, and those of tests, name clients that are registered nowhere.
        return client["status"] != "active" if client is not None else bool(row.family_id)
