"""The client registry. RFC 7591, https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#register-app-with-ehr"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import mongoengine

from fhir_server.errors import Conflict
from fhir_server.storage.documents import Documents, Stored
from fhir_server.storage.mongo import translated
from fhir_server.storage.opaque import digest, new_value

STATUSES = ("pending", "active", "disabled")
PROFILES = ("standard", "high-assurance")
AUTH_METHODS = ("none", "client_secret_basic", "private_key_jwt")


class Client(Stored):
    """One app or system that may ask for tokens."""

    client_id = mongoengine.StringField(primary_key=True)
    name = mongoengine.StringField(required=True)
    status = mongoengine.StringField(required=True, choices=STATUSES)
    profile = mongoengine.StringField(required=True, choices=PROFILES, default="standard")
    """high-assurance: private_key_jwt, pushed requests and DPoP are compulsory."""
    auth_method = mongoengine.StringField(required=True, choices=AUTH_METHODS)
    secrets = mongoengine.ListField(mongoengine.DictField())
    """[{digest, expires_at?}]: the new one and, for a while, the one before it."""
    jwks = mongoengine.DictField()
    jwks_uri = mongoengine.StringField(default="")
    grant_types = mongoengine.ListField(mongoengine.StringField())
    redirect_uris = mongoengine.ListField(mongoengine.StringField())
    launch_uri = mongoengine.StringField(default="")
    origins = mongoengine.ListField(mongoengine.StringField())
    """Web origins from which browsers may call the token endpoint and the API."""
    scope = mongoengine.StringField(default="")
    """What it may ever be granted."""
    client_uri = mongoengine.StringField(default="")
    logo_uri = mongoengine.StringField(default="")
    tos_uri = mongoengine.StringField(default="")
    policy_uri = mongoengine.StringField(default="")
    contacts = mongoengine.ListField(mongoengine.StringField())
    software_id = mongoengine.StringField(default="")
    software_version = mongoengine.StringField(default="")
    organization = mongoengine.StringField(default="")
    """Organization/id of the structure whose system it is, to which its deposits are imputed."""
    registration = mongoengine.StringField(default="")
    """Digest of the registration access token. RFC 7592 §3"""
    registered_by = mongoengine.StringField(default="")
    created_at = mongoengine.DateTimeField(required=True)
    updated_at = mongoengine.DateTimeField(required=True)
    COLLECTION: ClassVar[str] = "oauth_clients"
    INDEXES: ClassVar[list[Any]] = ["status", "origins"]
    meta = {"abstract": True}  # noqa: RUF012

    def check_secret(self, secret: str) -> bool:
        """Compares a secret with those that are valid now, in constant time."""
        now, given = datetime.now(UTC), digest(secret)
        matches = [
            hmac.compare_digest(str(one["digest"]), given)
            for one in self.secrets
            if one.get("expires_at") is None or one["expires_at"] > now
        ]
        return any(matches)


class Clients:
    """Registers, finds and changes clients of one database."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def find(self, client_id: str) -> Client | None:
        """Returns a client, whatever its status."""
        with translated():
            found: Client | None = self._documents.rows(Client).objects(client_id=client_id).first()
        return found

    def find_active(self, client_id: str) -> Client | None:
        """Returns a client that may ask for tokens."""
        found = self.find(client_id)
        return found if found is not None and found.status == "active" else None

    def list(self) -> list[Client]:
        """Returns all clients by name."""
        with translated():
            return list(self._documents.rows(Client).objects.order_by("name", "client_id"))

    def count(self, status: str) -> int:
        """Returns how many clients have a status."""
        with translated():
            return int(self._documents.rows(Client).objects(status=status).count())

    def add(self, client_id: str, fields: Mapping[str, Any]) -> Client:
        """Registers a client; raises Conflict when the id is taken."""
        now = datetime.now(UTC)
        row: Client = self._documents.rows(Client)(
            client_id=client_id, created_at=now, updated_at=now, **fields
        )
        with translated():
            try:
                row.save(force_insert=True)
            except mongoengine.NotUniqueError as error:
                raise Conflict(f"the client {client_id} exists already") from error
        return row

    def change(self, client_id: str, fields: Mapping[str, Any]) -> Client | None:
        """Sets fields of a client and returns it, None when there is none."""
        changes = {f"set__{name}": value for name, value in fields.items()}
        with translated():
            changed: Client | None = (
                self._documents.rows(Client)
                .objects(client_id=client_id)
                .modify(**changes, set__updated_at=datetime.now(UTC), new=True)
            )
        return changed

    def new_secret(self, client_id: str, overlap: int = 0) -> str | None:
        """Gives a client a new secret, shown once; the one before stays valid for `overlap` seconds."""
        row = self.find(client_id)
        if row is None:
            return None
        secret, now = new_value(), datetime.now(UTC)
        kept = [{**one, "expires_at": now + timedelta(seconds=overlap)} for one in row.secrets[:1] if overlap]
        self.change(client_id, {"secrets": [{"digest": digest(secret)}, *kept]})
        return secret

    def origins(self) -> frozenset[str]:
        """Returns the web origins of all active clients."""
        with translated():
            return frozenset(self._documents.rows(Client).objects(status="active").distinct("origins"))
