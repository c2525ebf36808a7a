"""`fhir-server token`: issues an opaque access token. https://www.rfc-editor.org/rfc/rfc6750"""

from __future__ import annotations

import click

from fhir_server.audit.activity import Activity
from fhir_server.cli.surroundings import local_server, read_settings


@click.command()
@click.option("--scope", required=True, help="SMART scopes, for example 'system/*.cruds'.")
@click.option("--patient", metavar="ID", default="", help="Binds the token to one patient.")
@click.option(
    "--fhir-user",
    metavar="REFERENCE",
    default="",
    help="Who acts with user/ scopes: Practitioner/7, Patient/1.",
)
@click.option(
    "--expires", type=click.IntRange(1, 31_536_000), default=3600, show_default=True, help="Seconds."
)
@click.option("--profession", metavar="CODE", default="", help="Of a professional: code of TRE_G15, 10.")
@click.option("--organization", metavar="REFERENCE", default="", help="Where she acts: Organization/3.")
@click.option("--client", metavar="NAME", default="command-line", show_default=True, help="Who uses it.")
def token(scope: str, client: str, expires: int, profession: str, organization: str, **bound: str) -> None:
    """Print an access token; it is shown once, only its hash is kept."""
    with local_server(read_settings()) as server:
        issued = server.issue_token(
            scope=scope,
            client_id=client,
            expires_in=expires,
            activity=Activity(role=profession, organization=organization),
            **bound,
        )
    click.echo(issued)
