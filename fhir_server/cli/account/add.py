"""`fhir-server account add`: a new account, with a password for its first login."""

from __future__ import annotations

import json
import re

import click

from fhir_server.cli.account.given_password import LIFETIME, new_password, until
from fhir_server.cli.surroundings import local_server, read_settings, say
from fhir_server.storage.accounts import KINDS

_USER = re.compile(r"(Patient|RelatedPerson|Practitioner)/([A-Za-z0-9.-]{1,64})")
_TYPES = {"patient": "Patient", "representative": "RelatedPerson", "professional": "Practitioner"}
ACTIVITY = ("role", "role_display", "organization", "organization_display")


@click.command()
@click.argument("username")
@click.option("--kind", type=click.Choice(KINDS), required=True)
@click.option("--name", required=True, help="As pages show it.")
@click.option("--fhir-user", default="", metavar="TYPE/ID", help="Patient/…, RelatedPerson/…, Practitioner/…")
@click.option("--patient", "patients", multiple=True, metavar="ID", help="A record the person may open.")
@click.option("--rpps", default="", help="Number by which Pro Santé Connect names a professional.")
@click.option("--activity", "activities", multiple=True, metavar="JSON", help=f"Keys: {', '.join(ACTIVITY)}.")
def add(
    username: str, kind: str, name: str, fhir_user: str, patients: tuple[str, ...], rpps: str, **more: object
) -> None:
    """Add an account; its password is printed once and is replaced at the first login."""
    # Only who makes a password pays for the import.
    from fhir_server.auth.passwords import hash_password

    check_user(kind, fhir_user)
    own = (fhir_user.partition("/")[2],) if kind == "patient" else ()
    password = new_password()
    given = more["activities"]
    activities = [read_activity(str(text)) for text in given] if isinstance(given, tuple) else []
    with local_server(read_settings()) as server:
        server.accounts.add(
            username,
            kind,
            name,
            fhir_user=fhir_user,
            patients=list(dict.fromkeys((*own, *patients))),
            rpps=rpps,
            activities=activities,
            password_hash=hash_password(password),
            password_until=until(),
        )
    say(f"{username} logs in once with this password, within {LIFETIME.days} days, and then chooses another:")
    click.echo(password)


def check_user(kind: str, fhir_user: str) -> None:
    """Refuses a FHIR resource that is not one of the kind of person."""
    expected = _TYPES.get(kind, "")
    match = _USER.fullmatch(fhir_user)
    if expected and (match is None or match[1] != expected):
        raise click.ClickException(f"--fhir-user must be {expected}/<id> for a {kind}")
    if not expected and fhir_user:
        raise click.ClickException("an administrator has no --fhir-user: administrators open no record")


def read_activity(text: str) -> dict[str, str]:
    """Reads an activity of a professional; says what it must be."""
    try:
        activity = json.loads(text)
    except (ValueError, RecursionError):
        activity = None
    if not isinstance(activity, dict) or set(activity) != set(ACTIVITY):
        raise click.ClickException(f"--activity must be a JSON object with the keys {', '.join(ACTIVITY)}")
    if not all(isinstance(value, str) for value in activity.values()):
        raise click.ClickException("the values of --activity must be texts")
    return dict(activity)
