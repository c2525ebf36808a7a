"""`fhir-server audit`: seals the audit trail and tells whether it is as it was sealed."""

from __future__ import annotations

import re
from itertools import islice

import click

from fhir_server.audit.sealing import head, seal_trail
from fhir_server.audit.verification import Verification
from fhir_server.cli.surroundings import local_server, read_settings, say

_SHOWN = 20
_ANCHOR = re.compile(r"[1-9][0-9]{0,15}:[0-9a-f]{64}")


@click.group()
def audit() -> None:
    """Seal the audit trail, or verify it."""


@audit.command()
def seal() -> None:
    """Seal what the trail has gained; print the newest seal, to be kept elsewhere."""
    with local_server(read_settings()) as server:
        sealed = seal_trail(server.seals)
        say(f"{sealed} events sealed")
        click.echo(head(server.seals))


@audit.command()
@click.option("--patient", metavar="ID", help="The trail of one record only.")
@click.option("--head", "anchor", metavar="N:HASH", default="", help="A seal printed earlier.")
def verify(patient: str | None, anchor: str) -> None:
    """Recompute the seals; exit with 1 where the trail is not as it was sealed."""
    if anchor and not _ANCHOR.fullmatch(anchor):
        raise click.UsageError("--head is what `fhir-server audit seal` printed: a number, a colon, a hash")
    with local_server(read_settings()) as server:
        verification = Verification(server.seals, patient, anchor)
        damages = list(islice(verification.damages(), _SHOWN))
    for one in damages:
        parts = [f"seal {one.seal}"]
        parts += [f"AuditEvent/{one.event}"] if one.event else []
        parts += [f"Patient/{one.patient}"] if one.patient else []
        click.echo(f"{one.kind}: {', '.join(parts)}")
    if damages:
        say("the trail is not as it was sealed; the first of these is where to look")
        raise SystemExit(1)
    say(f"{verification.verified} events as they were sealed, {verification.unsealed} not sealed yet")
