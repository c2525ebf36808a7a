"""`fhir-server records`: what the law does to records with time. docs/security/life-of-a-record.md"""

from __future__ import annotations

import json

import click

from fhir_server.cli.surroundings import local_server, read_settings, say
from fhir_server.fhir.instant import now_ms
from fhir_server.policy.compartment import record_types


@click.group()
def records() -> None:
    """Deadlines of records, for cron."""


@records.command()
def timers() -> None:
    """Open records that were announced long enough ago; queue what time gives notice of. Safe to repeat."""
    with local_server(read_settings()) as server:
        used = server.mongo.resource_collections(record_types() - {"AuditEvent"})
        told = server.record_timers().run(now_ms(), used)
    click.echo(f"{told.opened} opened, {told.shown} visible again, {told.of_age} of age")
    if told.undated:
        say(f"{told.undated} announced records have no date: announce them again")
    for patient, reason in told.failed.items():
        say(f"Patient/{patient} was not opened: {reason}")
    if told.failed:
        raise SystemExit(1)


@records.command()
@click.option("--dry-run", is_flag=True, help="Count what would be deleted; delete nothing.")
def purge(dry_run: bool) -> None:
    """Delete physically what is due, and print the proof of each record as a line of JSON."""
    number = 0
    with local_server(read_settings()) as server:
        job = server.record_purge()
        for proof in job.due(now_ms()) if dry_run else job.run(now_ms()):
            click.echo(json.dumps(proof, ensure_ascii=False, sort_keys=True))
            number += "abandoned" not in proof
        undated = job.undated()
    say(f"{number} records {'are due' if dry_run else 'deleted'}")
    if undated:
        say(f"{undated} records in deletion, closed or deceased have no date: state it again")
