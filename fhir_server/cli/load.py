"""`fhir-server load`: brings files of FHIR resources into the database, through the interactions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from fhir_server.cli.files import find_files
from fhir_server.cli.loading import Failure, Send, Tally, load_file
from fhir_server.cli.surroundings import local_server, read_settings, say
from fhir_server.errors import Unavailable
from fhir_server.fhir import Resource
from fhir_server.fhir.json import encode_json
from fhir_server.storage.loads import Loads, Note

if TYPE_CHECKING:
    from fhir_server.app import Server

SHOWN = 20


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--errors", type=click.Path(dir_okay=False, path_type=Path), help="NDJSON file for every error."
)
def load(path: Path, errors: Path | None) -> None:
    """Load a file, or all files of a folder: Bundles, single resources, NDJSON; .json, .ndjson, .gz.

    What is loaded already is not loaded twice: an interrupted run continues where it stopped,
    and lines that were refused are tried again. Exit code 1 when something was refused.
    """
    files = find_files(path)
    if not files:
        raise click.ClickException(f"{path} has no .json, .ndjson or .gz file")
    # An administrator restores resources under the ids they have.
    settings = replace(read_settings(), update_create=True)
    with local_server(settings) as server:
        began = time.monotonic()
        tally = load_files(server, files)
        seconds = time.monotonic() - began
    _tell(tally, seconds)
    if errors is not None:
        errors.write_text("".join(f"{json.dumps(_row(failure))}\n" for failure in tally.failures), "utf-8")
    if tally.failures:
        raise SystemExit(1)


def load_files(server: Server, files: Iterable[Path]) -> Tally:
    """Loads files in their order; a database that stays away ends it with a sentence, to be continued."""
    files = list(files)
    sizes = [file.stat().st_size for file in files]
    tally = Tally()
    loads = Loads(server.mongo)
    send = sender(server)
    with tqdm(total=sum(sizes), unit="B", unit_scale=True, disable=None) as bar:
        start = 0
        for file, size in zip(files, sizes, strict=True):

            def report(position: int, start: int = start) -> None:
                bar.update(start + position - bar.n)

            try:
                load_file(file, send, loads, tally, report)
            except Unavailable as error:
                raise click.ClickException(
                    f"stopped in {file}: {error.diagnostics}; the same command continues"
                ) from error
            start += size
            report(size, start - size)
    return tally


def sender(server: Server) -> Send:
    """The local administrator's way into the interactions."""
    from fhir_server.interactions.messages import FhirRequest

    context = server.system_context()

    def send(bundle: Resource, note: Note | None = None) -> Resource:
        response = server.interact(context, FhirRequest("POST", (), body=encode_json(bundle)), note)
        return response.body if isinstance(response.body, dict) else {}

    return send


def _tell(tally: Tally, seconds: float) -> None:
    for failure in tally.failures[:SHOWN]:
        place = f"{failure.file}:{failure.line}" if failure.line else failure.file
        issue = failure.issue
        say(f"{place}: {f'{issue.expression}: ' if issue.expression else ''}{issue.diagnostics}")
    if len(tally.failures) > SHOWN:
        say(f"… and {len(tally.failures) - SHOWN} more (--errors FILE keeps them all)")
    speed = tally.resources / max(seconds, 0.001)
    say(f"{tally.resources} resources from {tally.files} files in {seconds:.1f} s ({speed:.0f}/s)")
    if tally.known_files:
        say(f"{tally.known_files} files were loaded before")
    if tally.failures:
        say(f"{len(tally.failures)} errors")


def _row(failure: Failure) -> dict[str, object]:
    return {"file": failure.file, "line": failure.line, **asdict(failure.issue)}
