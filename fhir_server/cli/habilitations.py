"""`fhir-server habilitations`: the matrix of professions and contents. docs/security/habilitations.md"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from fhir_server.cli.surroundings import local_server, read_settings, say
from fhir_server.errors import Invalid
from fhir_server.policy.current_habilitations import document_classes
from fhir_server.policy.habilitations import Habilitations

_MOST_BYTES = 5_000_000
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def habilitations() -> None:
    """Which profession may read which content of records."""


@habilitations.command()
@click.argument("file", type=_FILE)
def check(file: Path) -> None:
    """Check a matrix without loading it."""
    matrix = _checked(file, read_settings().artefacts / "profiles")
    say(f"{len(matrix.cells)} rows, {len({cell.profession for cell in matrix.cells})} professions")


@habilitations.command()
@click.argument("file", type=_FILE)
def load(file: Path) -> None:
    """Load a matrix; it holds for all workers within seconds, and replaces the one before as a whole."""
    settings = read_settings()
    matrix = _checked(file, settings.artefacts / "profiles")
    with local_server(settings) as server:
        version = server.loaded_habilitations.add(file.read_text("utf-8"), file.name)
    say(f"version {version}: {len(matrix.cells)} rows")


@habilitations.command("list")
def list_() -> None:
    """List the matrices that were loaded, newest first."""
    with local_server(read_settings()) as server:
        for row in server.loaded_habilitations.versions():
            say(f"{row['_id']:>4}  {row['loaded']:%Y-%m-%d %H:%M}  {row['name']}")
    say("   0  with this release  habilitations.csv")


@habilitations.command()
@click.argument("profession")
def show(profession: str) -> None:
    """Print what a profession may read today: type codes of documents, and resource types."""
    with local_server(read_settings()) as server:
        kinds = server.habilitations.matrix.readable(profession, datetime.now(UTC).date())
    for kind in sorted(kinds):
        click.echo(kind)
    if not kinds:
        say(f"{profession} may read nothing")


def _checked(file: Path, profiles: Path) -> Habilitations:
    # Only who loads a matrix pays for the import.
    from fhir_server.policy.habilitations_check import check_habilitations

    if file.stat().st_size > _MOST_BYTES:
        raise click.ClickException(f"{file} is larger than {_MOST_BYTES} bytes")
    try:
        return check_habilitations(file.read_text("utf-8"), document_classes(profiles))
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not UTF-8: {error.reason}") from error
    except Invalid as error:
        raise click.ClickException(f"{file}: {error.diagnostics}") from error
