"""/register: apps register themselves; what they may do is limited, or approved. RFC 7591, RFC 7592"""

from __future__ import annotations

import hmac
import uuid
from dataclasses import dataclass
from typing import Any

from authlib.oauth2 import OAuth2Error

from fhir_server.audit.record import AuditRecorder
from fhir_server.audit.security_event import SecurityEvent
from fhir_server.auth.client_metadata import InvalidMetadata, describe_metadata, read_metadata
from fhir_server.auth.scopes import narrow
from fhir_server.errors import LoginRequired
from fhir_server.settings import Settings
from fhir_server.storage.oauth.clients import Client, Clients
from fhir_server.storage.opaque import digest, new_value

MOST_PENDING = 500
"""Who floods the registry fills this and no more."""
_CHANGES_ITS_NATURE = (
    "name",
    "redirect_uris",
    "launch_uri",
    "origins",
    "scope",
    "grant_types",
    "auth_method",
)


class Refused(OAuth2Error):
    """RFC 7591 §3.2.2"""

    error = "access_denied"
    status_code = 403


class Full(OAuth2Error):
    """RFC 6749 §4.1.2.1"""

    error = "temporarily_unavailable"
    status_code = 503


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration endpoint of one server."""

    clients: Clients
    audit: AuditRecorder
    settings: Settings

    def add(self, document: Any) -> dict[str, Any]:
        """Registers an app and returns its credentials, which are shown this once."""
        if self.settings.registration == "closed":
            raise Refused("Apps are registered by the administrator of this server.")
        fields = self._read(document)
        if self.clients.count("pending") >= MOST_PENDING:
            raise Full("Too many apps wait for approval.")
        client_id, token = str(uuid.uuid4()), new_value("dmp_reg_")
        status = "active" if self.settings.registration == "open" else "pending"
        row = self.clients.add(
            client_id, {**fields, "status": status, "registration": digest(token), "registered_by": "itself"}
        )
        secret = self.clients.new_secret(client_id) if row.auth_method == "client_secret_basic" else None
        self._record(client_id)
        credentials = {"client_secret": secret, "client_secret_expires_at": 0} if secret else {}
        return {**self.describe(row), **credentials, "registration_access_token": token}

    def find(self, client_id: str, authorization: str) -> Client:
        """Returns the client whose registration access token the header carries; raises LoginRequired."""
        scheme, _, token = authorization.partition(" ")
        row = self.clients.find(client_id) if len(client_id) <= 100 else None
        kept = row.registration if row is not None and row.status != "disabled" else ""
        if scheme.lower() != "bearer" or not hmac.compare_digest(kept or "-", digest(token.strip())):
            error = LoginRequired("the registration access token is not the one of this client")
            error.headers["WWW-Authenticate"] = 'Bearer realm="register", error="invalid_token"'
            raise error
        assert row is not None  # noqa: S101  # narrows the type
        return row

    def change(self, row: Client, document: Any) -> dict[str, Any]:
        """Replaces the metadata of a client; what changes its nature is approved anew."""
        if isinstance(document, dict) and document.get("client_id", row.client_id) != row.client_id:
            raise InvalidMetadata("client_id cannot be changed.")
        fields = self._read(document)
        if fields["auth_method"] != row.auth_method:
            raise InvalidMetadata("token_endpoint_auth_method cannot be changed; register anew.")
        changed = any(getattr(row, name) != fields[name] for name in _CHANGES_ITS_NATURE)
        if changed and self.settings.registration != "open":
            fields["status"] = "pending"
        updated = self.clients.change(str(row.client_id), fields)
        self._record(str(row.client_id))
        return self.describe(updated or row)

    def remove(self, row: Client) -> None:
        """Ends a client with all its tokens; the row stays, so that nobody gets its name."""
        self.clients.change(str(row.client_id), {"status": "disabled", "registration": "", "secrets": []})
        self._record(str(row.client_id))

    def describe(self, row: Client) -> dict[str, Any]:
        """Returns the client information response. RFC 7591 §3.2.1"""
        return {
            "client_id": row.client_id,
            "client_id_issued_at": int(row.created_at.timestamp()),
            "registration_client_uri": f"{self.settings.issuer_url}/register/{row.client_id}",
            "status": row.status,
            **describe_metadata(row),
        }

    def _read(self, document: Any) -> dict[str, Any]:
        fields = read_metadata(document, private_addresses=self.settings.private_addresses)
        if self.settings.registration == "open":
            allowed = self.settings.registration_scopes.split()
            fields["scope"] = " ".join(narrow(fields["scope"].split(), allowed))
        if not fields["scope"]:
            raise InvalidMetadata("scope must name what the app may ask for.")
        return fields

    def _record(self, client_id: str) -> None:
        self.audit.record_security(SecurityEvent("client-changed", client_id=client_id))
