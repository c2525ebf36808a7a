"""`fhir-server client add`: registers an app or a system, active at once. docs/security/clients.md"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from fhir_server.cli.surroundings import local_server, read_settings, say
from fhir_server.fhir.primitives import is_id
from fhir_server.storage.oauth.clients import AUTH_METHODS, PROFILES

_APP = ("authorization_code", "refresh_token")
_SYSTEM = ("client_credentials",)


@click.command()
@click.argument("name")
@click.option("--scope", required=True, help="All that it may ever be granted, for example 'patient/*.rs'.")
@click.option(
    "--redirect-uri", "redirect_uris", multiple=True, help="Where codes go, character by character."
)
@click.option("--method", type=click.Choice(AUTH_METHODS), help="Default: by its keys, or not.")
@click.option("--jwks", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its public keys.")
@click.option("--jwks-uri", help="Where its public keys are.")
@click.option("--launch-uri", help="What an EHR opens.")
@click.option("--origin", "origins", multiple=True, help="A web origin that calls the API from browsers.")
@click.option("--organization", default="", help="The structure a system deposits for, Organization/3.")
@click.option("--profile", type=click.Choice(PROFILES), default=PROFILES[0], show_default=True)
@click.option("--id", "client_id", help="Its client_id; default: a random one.")
def add(name: str, profile: str, client_id: str | None, organization: str, **options: Any) -> None:
    """Register an app or a system; prints its client_id, and a secret when it has one, as JSON."""
    # Only who registers pays for the imports.
    from authlib.oauth2 import OAuth2Error

    from fhir_server.auth.client_metadata import read_metadata

    settings = read_settings()
    try:
        document = build_document(name, options)
        fields = read_metadata(document, private_addresses=settings.private_addresses)
    except OAuth2Error as error:
        raise click.ClickException(str(error.description or error.error)) from error
    if profile != PROFILES[0] and fields["auth_method"] != "private_key_jwt":
        raise click.ClickException("high-assurance clients have keys: --jwks or --jwks-uri")
    check_organization(organization, fields)
    fields["organization"] = organization
    chosen = client_id or f"client-{secrets.token_hex(8)}"
    shown = {"client_id": chosen}
    with local_server(settings) as server:
        clients = server.oauth.clients
        clients.add(
            chosen, {**fields, "status": "active", "profile": profile, "registered_by": "command line"}
        )
        if fields["auth_method"] == "client_secret_basic":
            shown["client_secret"] = clients.new_secret(chosen) or ""
            say("The secret is shown once; only its hash is kept.")
    click.echo(json.dumps(shown))


def check_organization(organization: str, fields: Mapping[str, Any]) -> None:
    """Refuses a structure that is none, or for an app: people choose their activity when they log in."""
    if not organization:
        return
    kind, _, name = organization.partition("/")
    if kind != "Organization" or not is_id(name):
        raise click.ClickException("--organization must be Organization/<id>")
    if fields["grant_types"] != list(_SYSTEM):
        raise click.ClickException("--organization is of a system: keys, system/ scopes, no --redirect-uri")


def build_document(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the client metadata of the options, in the names of RFC 7591."""
    has_keys = bool(options["jwks"] or options["jwks_uri"])
    method = options["method"] or ("private_key_jwt" if has_keys else "none")
    is_app = bool(options["redirect_uris"])
    is_system = "system/" in options["scope"] or "__" in options["scope"]
    document = {
        "client_name": name,
        "token_endpoint_auth_method": method,
        "grant_types": [*(_APP if is_app else ()), *(_SYSTEM if is_system and has_keys else ())],
        "redirect_uris": list(options["redirect_uris"]),
        "origins": list(options["origins"]),
        "scope": options["scope"],
        "jwks": read_jwks(options["jwks"]),
        "jwks_uri": options["jwks_uri"],
        "launch_uri": options["launch_uri"],
    }
    return {key: value for key, value in document.items() if value}


def read_jwks(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise click.ClickException(f"{path} cannot be read as JSON: {error}") from error
