"""`fhir-server account disable`: nobody logs in as the account any more, and its apps lose their access."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fhir_server.cli.surroundings import local_server, read_settings, say

if TYPE_CHECKING:
    from fhir_server.app import Server
    from fhir_server.storage.accounts import Account


@click.command()
@click.argument("username")
def disable(username: str) -> None:
    """Disable an account: its sessions and the access of its apps end; `account reset` opens it again."""
    with local_server(read_settings()) as server:
        account = find(server, username)
        server.accounts.disable(account.account_id)
        server.logins.sessions.end_all(account.account_id)
        ended = [
            server.oauth.grants.revoke(grant.grant_id, "operator")
            for grant in server.oauth.grants.of_account(account.account_id)
        ]
    say(f"{account.username} is disabled; {len(ended)} apps lost their access")


def find(server: Server, username: str) -> Account:
    """Returns the account of a name; says when there is none."""
    account = server.accounts.find(username)
    if account is None:
        raise click.ClickException(f"there is no account {username}")
    return account
