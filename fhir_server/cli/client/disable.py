"""`fhir-server client disable`: a client asks for no more tokens, and those it has end within seconds."""

from __future__ import annotations

import click

from fhir_server.cli.surroundings import local_server, read_settings, say


@click.command()
@click.argument("client_id")
@click.option("--enable", is_flag=True, help="The other way: let a pending or disabled client in.")
def disable(client_id: str, enable: bool) -> None:
    """Disable a client, or let it in again."""
    status = "active" if enable else "disabled"
    with local_server(read_settings()) as server:
        if server.oauth.clients.change(client_id, {"status": status}) is None:
            raise click.ClickException(f"there is no client {client_id}")
    say(f"{client_id} is {status}")
