"""`fhir-server account`: the people who may log in; one file for each command."""

from __future__ import annotations

import click

from fhir_server.cli.account import add, disable, list_accounts, reset


@click.group()
def account() -> None:
    """Add, list, disable and reset the accounts of people."""


for command in (add.add, list_accounts.list_accounts, disable.disable, reset.reset):
    account.add_command(command)
