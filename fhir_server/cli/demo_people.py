"""The people and apps of the demonstration: accounts with one password, the sample app."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fhir_server.app import Server

_PASSWORD = "demo-password"  # noqa: S105  # the name under which it is kept
ENVIRONMENT = {"SECOND_FACTOR": "optional", "SAMPLE_APP": "true"}
"""What makes a demonstration easy and a deployment unsafe; the environment of who starts it wins."""


def load_people(server: Server, manifest: Mapping[str, Any], origin: str) -> str:
    """Adds the accounts and apps that are not there yet; returns the password of all the accounts."""
    # Only who makes a password pays for the import.
    from fhir_server.auth.passwords import hash_password

    password = server.state.keep(_PASSWORD, secrets.token_urlsafe(12))
    password_hash = ""
    for row in manifest["accounts"]:
        if server.accounts.find(row["login"]) is None:
            password_hash = password_hash or hash_password(password)
            server.accounts.add(
                row["login"], row["role"], row["name"], **_fields(row), password_hash=password_hash
            )
    for row in manifest["clients"]:
        if row["type"] == "public":
            _register(server, row, origin)
    return password


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "fhir_user": row.get("fhirUser", ""),
        "patients": [reference.partition("/")[2] for reference in row.get("patients", [])],
        "rpps": row.get("rpps", ""),
        "activities": row.get("activities", []),
    }


def _register(server: Server, row: Mapping[str, Any], origin: str) -> None:
    uris = [*row["redirect_uris"]]
    if row["redirect_uris"][0].endswith("/sample-app/"):
        uris.append(f"{origin}/sample-app/")
    fields = {
        "name": row["name"],
        "status": "active",
        "auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": list(dict.fromkeys(uris)),
        "scope": " ".join(row["scopes"]),
        "registered_by": "demo",
    }
    if server.oauth.clients.change(row["client_id"], {"redirect_uris": fields["redirect_uris"]}) is None:
        server.oauth.clients.add(row["client_id"], fields)


def describe_people(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yields a line for each account: login, and who it is."""
    for row in manifest["accounts"]:
        more = ""
        if len(row.get("activities", [])) > 1:
            more = ", two activities"
        elif len(row.get("patients", [])) > 1:
            more = ", two records"
        yield f"{row['login']:<18} {row['role']}: {row['name']}{more}"
