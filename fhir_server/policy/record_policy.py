"""What the holder of one record decided, compiled from Consents to one document that every decision reads.

docs/decisions/0025-the-patient-decides.md
Code de la santé publique L1111-13-1 to L1111-21, R1111-40 to R1111-54
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NONE, ANNOUNCED, OPEN, OPPOSED = "none", "announced", "open", "opposed"
CLOSED, DELETING, DECEASED = "closed", "deleting", "deceased"
STATES = (NONE, ANNOUNCED, OPEN, OPPOSED, CLOSED, DELETING, DECEASED)

FOREVER = 253_402_300_800_000
"""An end that never comes: the year 10000, in ms."""

REGULATION, BREAK_GLASS, MASKED = "ETREAT", "BTG", "MASKED"
EMERGENCY_SWITCHES = (REGULATION, BREAK_GLASS, MASKED)

Span = tuple[int, int]
"""From and until, ms since 1970; the end is outside."""

LEGAL, CAREGIVER = "legal", "caregiver"


@dataclass(frozen=True, slots=True)
class Representative:
    """A person who acts for the holder."""

    kind: str
    """`legal` for a parent or guardian, `caregiver` for an aidant."""
    since: int
    """ms since 1970"""
    until: int = FOREVER


@dataclass(frozen=True, slots=True)
class RecordPolicy:
    """The decisions of one record; actors are references, such as Practitioner/x or Organization/y."""

    patient: str
    """Logical id of the holder."""
    epoch: int = 0
    """Counts the changes; 0 where nothing was ever decided."""
    state: str = NONE
    permits: Mapping[str, Span] = field(default_factory=dict)
    """Authorised professional or structure → when."""
    treating: Mapping[str, Span] = field(default_factory=dict)
    """Médecin traitant → when."""
    care_team: Mapping[str, Span] = field(default_factory=dict)
    """Member of the care team, professional or structure → when."""
    blocked: frozenset[str] = frozenset()
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Actor → Type/id of what the holder hides from this one."""
    emergency: frozenset[str] = frozenset(EMERGENCY_SWITCHES[:2])
    """Those of the three switches that permit."""
    masks_everything: bool = False
    representatives: Mapping[str, Representative] = field(default_factory=dict)
    majority: int = 0
    """When the holder comes of age, ms; 0 where the birth date is not known."""
    since: int = 0
    """When the record got its state, ms; 0 where nothing was decided, or not noted yet."""


def write_policy(policy: RecordPolicy) -> dict[str, Any]:
    """Returns a policy as it is stored; its _id is the patient."""
    return {
        "_id": policy.patient,
        "epoch": policy.epoch,
        "state": policy.state,
        "permits": _write_spans(policy.permits),
        "treating": _write_spans(policy.treating),
        "care_team": _write_spans(policy.care_team),
        "blocked": sorted(policy.blocked),
        "hidden": {actor: list(references) for actor, references in policy.hidden.items()},
        "emergency": sorted(policy.emergency),
        "masks_everything": policy.masks_everything,
        "representatives": {
            actor: {"kind": one.kind, "since": one.since, "until": one.until}
            for actor, one in policy.representatives.items()
        },
        "majority": policy.majority,
        "since": policy.since,
    }


def read_policy(patient: str, stored: Mapping[str, Any] | None) -> RecordPolicy:
    """Returns the policy that is stored for a patient; where there is none, nothing is permitted."""
    if stored is None:
        return RecordPolicy(patient)
    return RecordPolicy(
        patient=patient,
        epoch=int(stored["epoch"]),
        state=str(stored["state"]),
        permits=_read_spans(stored["permits"]),
        treating=_read_spans(stored["treating"]),
        care_team=_read_spans(stored["care_team"]),
        blocked=frozenset(stored["blocked"]),
        hidden={actor: tuple(references) for actor, references in stored["hidden"].items()},
        emergency=frozenset(stored["emergency"]),
        masks_everything=bool(stored["masks_everything"]),
        representatives={
            actor: Representative(one["kind"], int(one["since"]), int(one["until"]))
            for actor, one in stored["representatives"].items()
        },
        majority=int(stored["majority"]),
        since=int(stored.get("since", 0)),
    )


def holds(spans: Mapping[str, Span], actor: str, now: int) -> bool:
    """Tells whether a decision about an actor holds at a moment."""
    since, until = spans.get(actor, (0, 0))
    return since <= now < until


def _write_spans(spans: Mapping[str, Span]) -> dict[str, list[int]]:
    return {actor: list(span) for actor, span in spans.items()}


def _read_spans(stored: Mapping[str, Any]) -> dict[str, Span]:
    return {actor: (int(since), int(until)) for actor, (since, until) in stored.items()}
