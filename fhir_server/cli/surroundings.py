"""What every command needs around it: checked settings, a database, and failures told as one sentence."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fhir_server.errors import FhirError
from fhir_server.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from fhir_server.app import Server


def read_settings(**options: object) -> Settings:
    """Reads the settings; options of the command line that are not None win over the environment."""
    given = {name: str(value) for name, value in options.items() if value is not None}
    try:
        return load_settings({**os.environ, **given})
    except SettingsError as error:
        problems = "\n  ".join(error.problems)
        raise click.ClickException(f"the settings cannot be used:\n  {problems}") from error


def check_address(settings: Settings) -> None:
    """Refuses an address that another program listens on, before anything is started."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                address = f"{settings.host}:{settings.port}"
                raise click.ClickException(
                    f"cannot listen on {address}: {error.strerror}; choose others with HOST= and PORT="
                ) from error
            raise click.ClickException(
                f"port {settings.port} is taken by another program: stop it, or choose another port, "
                f"for example PORT={settings.port % 65535 + 1}"
            ) from error


@contextmanager
def database(settings: Settings, *, shared: bool = True) -> Iterator[Settings]:
    """Yields settings with a MONGODB_URI: the given one, that of a running server, or one started here."""
    if settings.mongodb_uri:
        yield settings
        return
    # Deployments with a MongoDB of their own never load this.
    from fhir_server.storage.embedded import EmbeddedMongo, running_uri
    from fhir_server.storage.mongod import MongodUnavailable

    running = running_uri(settings.data) if shared else None
    if running:
        yield replace(settings, mongodb_uri=running)
        return
    try:
        mongo = EmbeddedMongo(settings.data)
        mongo.start()
    except MongodUnavailable as error:
        raise click.ClickException(str(error)) from error
    try:
        yield replace(settings, mongodb_uri=mongo.uri)
    finally:
        mongo.stop()


@contextmanager
def local_server(settings: Settings) -> Iterator[Server]:
    """Yields the server itself, without HTTP, on its database; its failures end the command in a sentence."""
    from fhir_server.app import Server

    with database(settings) as reachable:
        try:
            yield Server(reachable)
        except FhirError as error:
            raise click.ClickException(error.diagnostics) from error


def say(text: str = "") -> None:
    """Prints to stderr, which leaves stdout to results."""
    click.echo(text, file=sys.stderr)
