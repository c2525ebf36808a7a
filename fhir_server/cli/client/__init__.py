"""`fhir-server client`: the apps and systems that may ask for tokens; one file for each command."""

from __future__ import annotations

import click

from fhir_server.cli.client import add, disable, list_clients, rotate


@click.group()
def client() -> None:
    """Register, list, rotate and disable the apps and systems that may ask for tokens."""


for command in (add.add, list_clients.list_clients, rotate.rotate, disable.disable):
    client.add_command(command)
