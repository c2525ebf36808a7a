"""`fhir-server client rotate`: a new secret, or new keys, for a client. RFC 9700 §4.14"""

from __future__ import annotations

from pathlib import Path

import click

from fhir_server.cli.surroundings import local_server, read_settings, say


@click.command()
@click.argument("client_id")
@click.option("--jwks", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="New public keys.")
@click.option(
    "--overlap",
    type=click.IntRange(0, 31_536_000),
    default=0,
    show_default=True,
    help="Seconds for which the secret before it stays valid.",
)
def rotate(client_id: str, jwks: Path | None, overlap: int) -> None:
    """Give a client a new secret, printed once, or new keys."""
    # Only who changes keys pays for the import.
    from fhir_server.auth.key_sets import UnusableKeys, read_stored_key_set
    from fhir_server.cli.client.add import read_jwks

    keys = read_jwks(jwks)
    try:
        if keys is not None:
            keys = read_stored_key_set(keys)
    except UnusableKeys as error:
        raise click.ClickException(str(error)) from error
    with local_server(read_settings()) as server:
        row = server.oauth.clients.find(client_id)
        expected = "client_secret_basic" if keys is None else "private_key_jwt"
        if row is None or row.auth_method != expected or (keys is not None and row.jwks_uri):
            kept = "secret" if keys is None else "keys"
            raise click.ClickException(f"{client_id} is no client whose {kept} this server keeps")
        if keys is not None:
            server.oauth.clients.change(client_id, {"jwks": keys})
            say(f"{client_id} proves itself with the new keys from now on")
            return
        secret = server.oauth.clients.new_secret(client_id, overlap)
    click.echo(secret)
