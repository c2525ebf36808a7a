"""`fhir-server account reset`: a new first login, for who lost password or second factor."""

from __future__ import annotations

import click

from fhir_server.cli.account.disable import find
from fhir_server.cli.account.given_password import LIFETIME, new_password, until
from fhir_server.cli.surroundings import local_server, read_settings, say


@click.command()
@click.argument("username")
def reset(username: str) -> None:
    """Print a password for one login and forget the second factors: after the person was identified."""
    # Only who makes a password pays for the import.
    from fhir_server.auth.passwords import hash_password

    password = new_password()
    with local_server(read_settings()) as server:
        account = find(server, username)
        server.accounts.reset(account.account_id, hash_password(password), until())
        server.logins.sessions.end_all(account.account_id)
    say(f"{account.username} logs in once with this password, within {LIFETIME.days} days:")
    click.echo(password)
