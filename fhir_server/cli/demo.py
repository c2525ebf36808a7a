"""`fhir-server demo`: database, fictitious records, server and a token, ready to be asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from fhir_server.cli.demo_people import ENVIRONMENT, describe_people, load_people
from fhir_server.cli.load import load_files
from fhir_server.cli.surroundings import check_address, database, local_server, read_settings, say
from fhir_server.settings import Settings, default_base_url
from fhir_server.storage.child import start_child

if TYPE_CHECKING:
    from fhir_server.app import Server

START_SECONDS = 60
STOP_SECONDS = 5.0
"""What gunicorn may need beyond the time it gives its workers."""
TOKEN_SECONDS = 86_400
LOG_LINES = 15
PLACES = {
    "sample app": "/sample-app/",
    "apps with access": "/auth/access",
    "client registry": "/admin/clients",
}
"""What a demonstration shows beside the FHIR API, and where."""


class _Stop(BaseException):
    """Ctrl-C or SIGTERM."""


@click.command()
def demo() -> None:
    """Start everything with fictitious records and print how to ask it; Ctrl-C stops it.

    A second start keeps what was written. PORT= chooses the port, DATA= the folder of the database.
    """
    settings = read_settings()
    check_address(settings)
    try:
        with _stopped_by_signals(), database(settings, shared=False) as reachable:
            _demonstrate(reachable)
    except _Stop:
        say("stopped")


def _demonstrate(settings: Settings) -> None:
    with local_server(settings) as server:
        _load_seed(server, settings)
        token = server.issue_token(scope="system/*.cruds", client_id="demo", expires_in=TOKEN_SECONDS)
        password = load_people(server, _manifest(settings), _origin(settings))
    log = settings.data / "server.log"
    settings.data.mkdir(parents=True, exist_ok=True)
    with _running_server(settings, log) as process:
        _await_ready(process, settings, log)
        _welcome(settings, token, password, log)
        process.wait()
        raise click.ClickException(f"the server ended by itself; the end of {log}:\n{_end_of(log)}")


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """The first signal unwinds everything in order; further ones do not disturb that."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise _Stop

    before = {each: signal.signal(each, stop) for each in signals}
    try:
        yield
    finally:
        for each, action in before.items():
            signal.signal(each, action)


def _load_seed(server: Server, settings: Settings) -> None:
    # What is there already is skipped: the database remembers it.
    folder = settings.artefacts / "seed_data"
    tally = load_files(server, [folder / name for name in _manifest(settings)["files"]])
    if tally.failures:
        failure = tally.failures[0]
        raise click.ClickException(
            f"the fictitious records were refused ({len(tally.failures)} errors), first "
            f"{failure.file}: {failure.issue.expression} {failure.issue.diagnostics}"
        )


@contextmanager
def _running_server(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environ = {**ENVIRONMENT, **os.environ, "MONGODB_URI": settings.mongodb_uri}
    with log.open("wb") as words:
        process = start_child([sys.executable, "-P", "-m", "fhir_server.cli", "run"], words, environ)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(settings.graceful_timeout_seconds + STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(process: subprocess.Popen[bytes], settings: Settings, log: Path) -> None:
    url = default_base_url(settings.host, settings.port).removesuffix("/fhir") + "/health/ready"
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise click.ClickException(f"the server did not start; the end of {log}:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:])


def _welcome(settings: Settings, token: str, password: str, log: Path) -> None:
    click.echo(f"\nThe FHIR server is ready; Ctrl-C stops it. Its log: {log}\n")
    click.echo(f"  {'FHIR base':<20} {settings.base_url}")
    for name, path in PLACES.items():
        click.echo(f"  {name:<20} {_origin(settings)}{path}")
    click.echo(f"\nLog in with the password {password} as\n")
    for line in describe_people(_manifest(settings)):
        click.echo(f"  {line}")
    click.echo("\nThe administrator adds a second factor at the first login.")
    click.echo("Ask the API (the token lives one day):\n")
    click.echo(f"curl -H 'Authorization: Bearer {token}' '{settings.base_url}/Patient?_count=5&_pretty=true'")
    click.echo()
    sys.stdout.flush()


def _origin(settings: Settings) -> str:
    return settings.base_url.removesuffix(urlsplit(settings.base_url).path)


def _manifest(settings: Settings) -> dict[str, Any]:
    text = (settings.artefacts / "seed_data" / "manifest.json").read_text("utf-8")
    manifest: dict[str, Any] = json.loads(text)
    return manifest
