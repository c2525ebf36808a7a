"""The Consents of one record → its policy document: a pure function, whatever their order.

docs/decisions/0025-the-patient-decides.md
Where two decisions about one actor meet, the one that refuses wins. Ending a block does not bring back what
was permitted before it: a new authorisation is needed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fhir_server.errors import Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhir.primitives import parse_partial_date
from fhir_server.policy.consent_templates import Decision
from fhir_server.policy.record_policy import (
    BREAK_GLASS,
    CAREGIVER,
    FOREVER,
    LEGAL,
    MASKED,
    NONE,
    REGULATION,
    RecordPolicy,
    Representative,
    Span,
)

MOST_CAREGIVERS = 3
AGE_OF_MAJORITY = 18

_SWITCHES = {
    "emergency-regulation": REGULATION,
    "emergency-break-glass": BREAK_GLASS,
    "emergency-masked": MASKED,
}
_DEFAULTS = {REGULATION: True, BREAK_GLASS: True, MASKED: False}
"""What holds where the holder has decided nothing: the boxes of the form of 2011 that were ticked."""


def compile_policy(
    patient: str,
    person: Resource | None,
    decisions: Sequence[Decision],
    authorisation_ms: int = FOREVER,
) -> RecordPolicy:
    """Returns the policy of a record; raises Unprocessable where its decisions cannot stand together.

    `authorisation_ms`: how long an authorisation holds that does not say until when.
    """
    active = [one for one in decisions if one.is_active]
    ended = _ended_blocks(decisions)
    caregivers = _standing(active, "caregiver", ended)
    if len(caregivers) > MOST_CAREGIVERS:
        raise Unprocessable(f"a record has at most {MOST_CAREGIVERS} aidants", "Consent.provision.actor")
    state, since = _state(active)
    return RecordPolicy(
        patient=patient,
        state=state,
        since=since,
        permits=_sorted(_standing(_ending(active, authorisation_ms), "authorisation", ended)),
        treating=_sorted(_standing(active, "treating", ended)),
        care_team=_sorted(_standing(active, "care-team", ended)),
        blocked=frozenset(actor for one in active if one.template == "block" for actor in one.actors),
        hidden=_hidden(active),
        emergency=_emergency(active),
        masks_everything=any(one.template == "mask-everything" for one in active),
        representatives={
            **_representatives(caregivers, CAREGIVER),
            **_representatives(_standing(active, "representative", ended), LEGAL),
        },
        majority=_majority(person),
    )


def _state(active: Iterable[Decision]) -> tuple[str, int]:
    """Returns the state that was stated last, of two at once the one that opens less; and since when, ms.

    Stating it again does not make it younger: the deadlines of the law run on.
    """
    rows = [(one.changed, not one.is_permit, one.state) for one in active if one.template == "record"]
    if not rows:
        return NONE, 0
    rows.sort(reverse=True)
    state, same = rows[0][2], itertools.takewhile(lambda row: row[2] == rows[0][2], rows)
    return state, min(changed for changed, _, _ in same)


def _ended_blocks(decisions: Iterable[Decision]) -> dict[str, int]:
    """Returns actor → when a block of it was last lifted, ms."""
    ended: dict[str, int] = {}
    for one in decisions:
        if one.template == "block" and not one.is_active:
            for actor in one.actors:
                ended[actor] = max(ended.get(actor, 0), one.stated)
    return ended


def _standing(active: Iterable[Decision], template: str, ended: Mapping[str, int]) -> dict[str, Span]:
    """Returns actor → the longest period of a template, without what a block has ended."""
    found: dict[str, Span] = {}
    for one in active:
        if one.template == template:
            for actor in one.actors:
                if one.stated > ended.get(actor, -1):
                    # Of several the one that ends last, so that nothing between two periods is permitted.
                    found[actor] = max(found.get(actor, (0, 0)), (one.since, one.until), key=_by_end)
    return found


def _ending(active: Iterable[Decision], lasting: int) -> Iterator[Decision]:
    """Yields authorisations, each with an end."""
    for one in active:
        if one.template == "authorisation":
            end = min(max(one.since, one.stated) + lasting, FOREVER)
            yield replace(one, until=end) if one.until == FOREVER else one


def _by_end(span: Span) -> tuple[int, int]:
    return span[1], -span[0]


def _sorted(standing: Mapping[str, Span]) -> dict[str, Span]:
    return dict(sorted(standing.items()))


def _representatives(standing: Mapping[str, Span], kind: str) -> dict[str, Representative]:
    return {actor: Representative(kind, since, until) for actor, (since, until) in sorted(standing.items())}


def _hidden(active: Iterable[Decision]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for one in active:
        for actor in one.actors if one.template == "hide-document" else ():
            found.setdefault(actor, set()).update(one.references)
    return {actor: tuple(sorted(references)) for actor, references in sorted(found.items())}


def _emergency(active: Iterable[Decision]) -> frozenset[str]:
    """Returns the switches that permit: the last decision counts; of two at once the one that refuses."""
    permitted = dict(_DEFAULTS)
    rows = sorted(
        (one.changed, not one.is_permit, one.template) for one in active if one.template in _SWITCHES
    )
    for _, is_deny, template in rows:
        permitted[_SWITCHES[template]] = not is_deny
    return frozenset(switch for switch, is_permitted in permitted.items() if is_permitted)


def _majority(person: Resource | None) -> int:
    birth_date: Any = (person or {}).get("birthDate")
    born = parse_partial_date(birth_date) if isinstance(birth_date, str) else None
    if born is None:
        return 0
    year, rest = birth_date[:4], birth_date[4:]
    of_age = parse_partial_date(f"{int(year) + AGE_OF_MAJORITY:04d}{rest}")
    if of_age is None:  # the 29th of February
        of_age = parse_partial_date(f"{int(year) + AGE_OF_MAJORITY:04d}-03-01")
    return int(of_age[0]) if of_age else 0
