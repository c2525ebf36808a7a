"""A Consent that follows one of our templates → the decision it states. A free-form Consent states none.

https://hl7.org/fhir/R4/consent.html, docs/security/patient-decides.md
The template is named by Consent.policy.uri, as in …/Policy/dmp-block: few fixed forms that are verified
when they are written, instead of nested provisions that every reader would understand in another way.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from fhir_server.errors import Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhir.primitives import parse_partial_date
from fhir_server.fhir.reference import parse_reference
from fhir_server.policy.record_policy import FOREVER, STATES

ROOT = "https://dmp-fhir.example.org/fhir"
POLICY = f"{ROOT}/Policy/dmp-"
STATE_SYSTEM = f"{ROOT}/CodeSystem/dmp-record-state"
ACTIVE, INACTIVE = "active", "inactive"
OWN, TREATING, ENDING = "own", "treating", "ending"
"""What a professional may state: about herself, about others as médecin traitant, the end of her own."""


@dataclass(frozen=True, slots=True)
class Template:
    """One row of the table."""

    types: frozenset[str]
    actors: frozenset[str]
    most: int
    has_period: bool
    by_holder: bool
    by_professional: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What one Consent states."""

    template: str
    status: str
    is_permit: bool
    actors: tuple[str, ...]
    since: int
    """ms since 1970"""
    until: int
    changed: int
    """When the Consent was written in this form, ms."""
    stated: int
    """When it became active, or ceased to be, ms: what else is changed in it states nothing anew."""
    state: str = ""
    references: tuple[str, ...] = ()
    """Type/id of what is hidden."""
    agreed_by: tuple[str, ...] = ()
    """References of those who agree to it, where it says when they did."""

    @property
    def is_active(self) -> bool:
        return self.status == ACTIVE


@cache
def templates() -> dict[str, Template]:
    """Returns the table."""
    text = resources.files(__package__).joinpath("consent_templates.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {
        row["template"]: Template(
            frozenset(row["types"].split()),
            frozenset(row["actors"].split()),
            int(row["most"]),
            row["period"] == "yes",
            row["holder"] == "yes",
            row["professional"],
        )
        for row in rows
    }


def read_template(consent: Resource, base_url: str, stated: int = 0) -> Decision | None:
    """Returns the decision of a Consent, None where it follows no template.

    `stated`: ms, where it is known that it has had its status since then. Raises Unprocessable where it
    names a template and contradicts it.
    """
    names = [uri.removeprefix(POLICY) for uri in _policies(consent) if uri.startswith(POLICY)]
    if not names:
        return None
    if len(names) > 1 or names[0] not in templates():
        known = ", ".join(sorted(templates()))
        raise Unprocessable(
            f"one policy uri of {POLICY}<template> is meant; known: {known}", "Consent.policy"
        )
    try:
        return _read(consent, names[0], base_url, stated)
    except (AttributeError, KeyError, TypeError) as error:  # only where validation is switched off
        raise Unprocessable("the Consent has not the shape of its template", "Consent.provision") from error


def _read(consent: Resource, name: str, base_url: str, stated: int) -> Decision:
    template = templates()[name]
    provision = consent.get("provision")
    if not isinstance(provision, dict) or provision.get("type") not in template.types:
        types = " or ".join(sorted(template.types))
        raise Unprocessable(f"the provision of {name} is of type {types}", "Consent.provision.type")
    if "provision" in provision:
        raise Unprocessable("a template has no nested provisions", "Consent.provision.provision")
    if "period" in provision and not template.has_period:
        raise Unprocessable(
            f"{name} has no period: it holds until it is withdrawn", "Consent.provision.period"
        )
    since, until = _period(provision)
    return Decision(
        template=name,
        status=str(consent.get("status")),
        is_permit=provision["type"] == "permit",
        actors=_actors(provision, name, template, base_url),
        since=since,
        until=until,
        changed=_changed(consent),
        stated=stated or _changed(consent),
        state=_state(provision) if name == "record" else "",
        references=_hidden(provision, base_url) if name == "hide-document" else (),
        agreed_by=_agreed_by(consent, base_url) if template.by_professional == OWN else (),
    )


def _policies(consent: Resource) -> list[str]:
    rows = consent.get("policy")
    found = [row.get("uri") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [uri for uri in found if isinstance(uri, str)]


def _actors(provision: Resource, name: str, template: Template, base_url: str) -> tuple[str, ...]:
    rows = provision.get("actor", [])
    if len(rows) > template.most or (template.most and not rows):
        limit = f"one to {template.most} actors" if template.most else "no actor"
        raise Unprocessable(f"{name} has {limit}", "Consent.provision.actor")
    found = []
    for index, row in enumerate(rows):
        reference = parse_reference(str(row.get("reference", {}).get("reference", "")), base_url)
        if reference is None or reference.kind != "local" or reference.type not in template.actors:
            place = f"Consent.provision.actor[{index}].reference"
            raise Unprocessable(f"an actor of {name} is one of {', '.join(sorted(template.actors))}", place)
        found.append(f"{reference.type}/{reference.id}")
    return tuple(dict.fromkeys(found))


def _period(provision: Resource) -> tuple[int, int]:
    period = provision.get("period", {})
    start, end = (parse_partial_date(period.get(name, "")) for name in ("start", "end"))
    since, until = int(start[0]) if start else 0, int(end[1]) if end else FOREVER
    if since >= until:
        raise Unprocessable("the period ends before it starts", "Consent.provision.period")
    return since, until


def _agreed_by(consent: Resource, base_url: str) -> tuple[str, ...]:
    rows = consent.get("performer", []) if "dateTime" in consent else []
    found = [parse_reference(str(row.get("reference", "")), base_url) for row in rows]
    return tuple(f"{one.type}/{one.id}" for one in found if one is not None and one.kind == "local")


def _changed(consent: Resource) -> int:
    changed = parse_partial_date(consent.get("meta", {}).get("lastUpdated", ""))
    return int(changed[0]) if changed else 0


def _state(provision: Resource) -> str:
    codings = [
        coding
        for concept in provision.get("code", [])
        for coding in concept.get("coding", [])
        if coding.get("system") == STATE_SYSTEM
    ]
    if len(codings) != 1 or codings[0].get("code") not in STATES[1:]:
        text = f"the state of the record is one coding of {STATE_SYSTEM}: {', '.join(STATES[1:])}"
        raise Unprocessable(text, "Consent.provision.code")
    state = str(codings[0]["code"])
    is_opening = state in ("open", "announced")
    if is_opening != (provision["type"] == "permit"):
        raise Unprocessable(
            f"{state} goes with {'permit' if is_opening else 'deny'}", "Consent.provision.type"
        )
    return state


def _hidden(provision: Resource, base_url: str) -> tuple[str, ...]:
    found: list[str] = []
    for index, row in enumerate(provision.get("data", [])):
        place = f"Consent.provision.data[{index}]"
        reference: Any = parse_reference(str(row.get("reference", {}).get("reference", "")), base_url)
        if row.get("meaning") != "instance" or reference is None or reference.kind != "local":
            raise Unprocessable("what is hidden is an instance of this server", place)
        found.append(f"{reference.type}/{reference.id}")
    if not found:
        raise Unprocessable("hide-document names what is hidden", "Consent.provision.data")
    return tuple(dict.fromkeys(found))
