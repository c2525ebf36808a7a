"""`fhir-server account list`: who may log in, and how."""

from __future__ import annotations

import click

from fhir_server.cli.surroundings import local_server, read_settings
from fhir_server.storage.accounts import Account


@click.command("list")
def list_accounts() -> None:
    """List the accounts: name, kind, FHIR resource, second factors, state."""
    with local_server(read_settings()) as server:
        accounts = server.accounts.all()
    for account in accounts:
        click.echo("\t".join((account.username, account.kind, account.fhir_user or "-", *_state(account))))


def _state(account: Account) -> tuple[str, str]:
    factors = ["codes"] * bool(account.totp_key) + [f"{len(account.passkeys)} passkeys"] * bool(
        account.passkeys
    )
    state = "disabled" if account.disabled_at is not None else "active"
    if account.password_until is not None and state == "active":
        state = f"first login until {account.password_until:%Y-%m-%d}"
    return ", ".join(factors) or "password only", state
