"""`fhir-server explain`: how MongoDB answers a search, and what it has to look at for it."""

from __future__ import annotations

import click
import msgspec

from fhir_server.cli.surroundings import local_server, read_settings


@click.command()
@click.argument("search", metavar="'Type?parameters'")
@click.option("--patient", metavar="ID", default="", help="Explain it as a token bound to this patient.")
@click.option("--scope", metavar="SCOPES", default="", help="Explain it as a token with these scopes.")
@click.option("--json", "as_json", is_flag=True, help="Print MongoDB's own explanation too.")
def explain(search: str, patient: str, scope: str, as_json: bool) -> None:
    """Show the plan of a search: index used, keys and documents examined, results."""
    with local_server(read_settings()) as server:
        found = server.explain(search, patient, scope)
    click.echo(f"{found['search']}")
    for name in ("index", "keys", "documents", "results", "ms"):
        click.echo(f"  {name:<10} {found[name]}")
    if found["refused"]:
        click.echo(f"  refused on a large database: {found['refused']}")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found["plan"], enc_hook=str), indent=1).decode())
