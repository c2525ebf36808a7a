"""`fhir-server client list`: who may ask for tokens, and for what."""

from __future__ import annotations

import click

from fhir_server.cli.surroundings import local_server, read_settings


@click.command("list")
@click.option("--status", type=click.Choice(["pending", "active", "disabled"]), help="Only these.")
def list_clients(status: str | None) -> None:
    """List the registered clients: id, status, how they prove themselves, name, scopes."""
    with local_server(read_settings()) as server:
        for row in server.oauth.clients.list():
            if status in (None, row.status):
                columns = (row.client_id, row.status, row.auth_method, row.profile, row.name, row.scope)
                click.echo("\t".join(str(column) for column in columns))
