"""`fhir-server validate`: files against R4 and profiles, without a database; in pipelines of others too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from fhir_server.cli.files import find_files
from fhir_server.cli.findings import SEVERITIES, Examined, examine
from fhir_server.cli.reports import REPORTS
from fhir_server.cli.surroundings import say
from fhir_server.definitions.conformance import Conformance
from fhir_server.definitions.sources import ListedSource, with_sources
from fhir_server.errors import FhirError
from fhir_server.validation.validate import Level, validate_resource

_EXISTING = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=_EXISTING)
@click.option("--profile", "profiles", metavar="URL", multiple=True, help="Check by this profile too.")
@click.option(
    "--package",
    "packages",
    metavar="PATH",
    multiple=True,
    type=_EXISTING,
    help="A FHIR package (.tgz), or a folder of profiles in JSON.",
)
@click.option(
    "--format", "form", type=click.Choice(list(REPORTS)), default="text", help="Form of the report."
)
@click.option("--level", type=click.Choice([level.value for level in Level]), default="full")
@click.option(
    "--fail-on", type=click.Choice(["error", "warning"]), default="error", help="What exits with 1."
)
@click.option("--all", "all_", is_flag=True, help="Report information too, not only errors and warnings.")
def validate(
    files: tuple[Path, ...],
    profiles: tuple[str, ...],
    packages: tuple[Path, ...],
    **options: str | bool,
) -> None:
    """Validate resources: JSON and NDJSON, gzipped or not, files or folders.

    Exit code 0: nothing to object; 1: errors (or warnings, with --fail-on warning); 2: a file cannot be read.
    """
    check = partial(
        validate_resource,
        profiles=profiles,
        level=Level(str(options["level"])),
        conformance=_conformance(packages),
    )
    try:
        found = [one for path in _paths(files) for one in examine(path, check)]
    except (FhirError, OSError) as error:
        _stop(str(error))
    reported = found if options["all_"] else [_without_information(one) for one in found]
    click.echo(REPORTS[str(options["form"])](reported), nl=False)
    failing = SEVERITIES[: SEVERITIES.index(str(options["fail_on"])) + 1]
    if any(one.count(*failing) for one in found):
        raise SystemExit(1)


def _paths(files: Sequence[Path]) -> Iterator[Path]:
    for file in files:
        found = find_files(file)
        if not found:
            _stop(f"{file} holds no file of a known name: .json, .ndjson, .jsonl, .gz")
        yield from found


def _conformance(packages: Iterable[Path]) -> Conformance:
    try:
        return with_sources(*(_source(path) for path in packages))
    except (FhirError, OSError, ValueError) as error:
        _stop(str(error))


def _source(path: Path) -> ListedSource:
    return ListedSource.of_folder(path) if path.is_dir() else ListedSource.of_package(path.read_bytes())


def _without_information(one: Examined) -> Examined:
    told = tuple(finding for finding in one.findings if finding.issue.severity != "information")
    return replace(one, findings=told)


def _stop(reason: str) -> NoReturn:
    say(f"Error: {reason}")
    raise SystemExit(2)
