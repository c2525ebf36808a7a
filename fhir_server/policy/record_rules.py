"""The rules of one record, in order: what an actor may read of it and write to it, as a filter of documents.

Code de la santé publique L1111-13-1 to L1111-21 and R1111-40 to R1111-54; docs/security/patient-decides.md
The first rule that applies decides: closed, never allowed, blocked, hidden document, labels, habilitation,
emergency, authorisation, care team; and nobody else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fhir_server.errors import Forbidden
from fhir_server.fhir.labels import INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS
from fhir_server.policy.actor import (
    BRIS_DE_GLACE,
    HOLDER,
    NORMAL,
    REPRESENTATIVE,
    STRUCTURE,
    SYSTEM,
    Actor,
)
from fhir_server.policy.own_events import own_events_filter
from fhir_server.policy.record_policy import (
    ANNOUNCED,
    BREAK_GLASS,
    CLOSED,
    DECEASED,
    MASKED,
    NONE,
    OPEN,
    REGULATION,
    RecordPolicy,
    holds,
)
from fhir_server.search.entries import Filter

Readable = Callable[[str], frozenset[str]]
"""Profession → document kinds that it may read."""

_ALL_LABELS = range(8)
SEVERAL_KINDS = frozenset({"DocumentReference", "Composition", "DiagnosticReport", "Binary"})
_KNOWN_STATES = (OPEN, CLOSED, DECEASED)
_WRITABLE_STATES = frozenset({NONE, ANNOUNCED, OPEN})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided, and by which rule."""

    filter: Filter
    """Of the documents of the record; {} for all of them."""
    rule: str
    """Code of audit/rules.csv."""


class Refused(Forbidden):
    """A rule of the record that says no to the whole request."""

    def __init__(self, diagnostics: str, rule: str) -> None:
        super().__init__(diagnostics)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Moment:
    """What a decision looks at beside the actor and the policy."""

    now: int
    """ms since 1970"""
    readable: Readable


def reading(actor: Actor, policy: RecordPolicy, resource_type: str, moment: Moment) -> Verdict:
    """Returns what an actor may read of a type in one record; raises Refused where it is nothing."""
    if actor.kind == SYSTEM:
        return Verdict({}, "system")
    if actor.kind == STRUCTURE:
        return Verdict({"au": {"$eq": actor.organization}}, "author")
    if actor.kind == HOLDER:
        return Verdict({"iv": {"$lte": moment.now}}, "holder")
    if actor.kind == REPRESENTATIVE:
        if policy.state != OPEN:
            raise Refused("the record is not open", "closed")
        rule = standing_of_representative(actor, policy, moment.now)
        return Verdict({**_without(INVISIBLE_REPRESENTANTS_LEGAUX), "iv": {"$lte": moment.now}}, rule)
    return _reading_of_professional(actor, policy, resource_type, moment)


def writing(actor: Actor, policy: RecordPolicy, letter: str, resource_type: str, moment: Moment) -> Verdict:
    """Returns what an actor may change (u, d) of a type, or that it may be added (c); raises Refused."""
    if actor.kind == SYSTEM:
        return Verdict({}, "system")
    if actor.kind == HOLDER:
        if resource_type != "Consent":  # the holder of a closed record opens it again by one
            check_writable(policy)
        return reading(actor, policy, resource_type, moment)
    if policy.state != OPEN:
        if actor.kind == REPRESENTATIVE and resource_type == "Consent" and letter == "c":
            # Parents oppose a record that is announced: of one that is not open they state the state alone.
            return Verdict({}, standing_of_representative(actor, policy, moment.now))
        raise Refused("the record is not open: nothing can be written to it", "closed")
    if actor.kind == STRUCTURE:
        return Verdict({} if letter == "c" else {"au": {"$eq": actor.organization}}, "structure-deposit")
    if actor.kind == REPRESENTATIVE or letter != "c":
        return reading(actor, policy, resource_type, moment)
    _kinds(actor, moment)
    return Verdict({}, "structure-deposit" if actor.organization else "author")


# --- the holder, and who acts for the holder -----------------------------------------------------


def _without(label: int) -> Filter:
    return {"vis": {"$in": [vis for vis in _ALL_LABELS if not vis & label]}}


def standing_of_representative(actor: Actor, policy: RecordPolicy, now: int) -> str:
    """Returns the rule by which somebody acts for the holder, in whatever state the record is."""
    standing = policy.representatives.get(actor.reference)
    if standing is None or not standing.since <= now < standing.until:
        raise Refused("the holder of the record has given you no access", "no-permit")
    if standing.kind == "legal":
        if standing.since < policy.majority <= now:
            raise Refused("the holder has come of age and has given you no access", "no-permit")
        return "representative"
    return "caregiver"


# --- professionals -------------------------------------------------------------------------------


def _reading_of_professional(
    actor: Actor, policy: RecordPolicy, resource_type: str, moment: Moment
) -> Verdict:
    if resource_type == "Patient":
        _kinds(actor, moment)
        return Verdict(identity_filter(), "identity")
    if policy.state != OPEN:
        raise Refused("the record is not open", "closed")
    kinds = _kinds(actor, moment)
    if {actor.reference, actor.organization} & policy.blocked:
        raise Refused("the holder of the record has blocked this access", "blocked")
    rule = _standing_of_professional(actor, policy, moment.now)
    is_treating = rule == "treating"
    if resource_type == "AuditEvent":
        return Verdict({} if is_treating else own_events_filter(actor.reference), rule)
    if actor.mode == NORMAL:
        sees_masked = is_treating
    else:
        sees_masked = MASKED in policy.emergency
    visible = _visible(resource_type, kinds, policy, sees_masked=sees_masked)
    own: Filter = {"au": {"$eq": actor.reference}}
    found = own if visible is None else {"$or": [own, visible]} if visible else {}
    hidden = _hidden(actor, policy, resource_type)
    return Verdict({"$and": [found, hidden]} if found and hidden else found or hidden, rule)


def check_writable(policy: RecordPolicy, actor: Actor | None = None) -> None:
    """Refuses what the holder would write to a closed record, who acts for her to one that is not open."""
    if actor is not None and actor.kind == REPRESENTATIVE and policy.state != OPEN:
        raise Refused("the record is not open: only its state can be decided", "closed")
    if policy.state not in _WRITABLE_STATES:
        raise Refused("the record is closed: nothing can be written to it", "closed")


def identity_filter() -> Filter:
    """Patients whose record a professional may know of: to have none, or to have refused it, is one thing."""
    return {"st": {"$in": list(_KNOWN_STATES)}}


def _kinds(actor: Actor, moment: Moment) -> frozenset[str]:
    kinds = moment.readable(actor.profession)
    if not kinds:
        raise Refused("this profession has no access to records", "never-allowed")
    return kinds


def _standing_of_professional(actor: Actor, policy: RecordPolicy, now: int) -> str:
    """Returns the rule that lets a professional in."""
    if actor.mode != NORMAL:
        switch = BREAK_GLASS if actor.mode == BRIS_DE_GLACE else REGULATION
        if switch not in policy.emergency:
            raise Refused("this access to the record is not possible", "emergency-opposed")
        return "emergency" if actor.mode == BRIS_DE_GLACE else "regulation"
    actors = (actor.reference, actor.organization)
    if holds(policy.treating, actor.reference, now):
        return "treating"
    if any(holds(policy.permits, one, now) for one in actors):
        return "permit"
    if any(holds(policy.care_team, one, now) for one in actors):
        return "care-team"
    raise Refused("the holder of the record has given you no access", "no-permit")


def _visible(
    resource_type: str, kinds: frozenset[str], policy: RecordPolicy, *, sees_masked: bool
) -> Filter | None:
    """What others have written, by labels and kind; {} for all of it, None for nothing."""
    if policy.masks_everything and not sees_masked:
        return None
    visible: Filter = {}
    if resource_type in SEVERAL_KINDS:
        visible["dk"] = {"$in": sorted(kinds)}
    elif f"type:{resource_type}" not in kinds:
        return None
    if not sees_masked:
        visible |= _without(MASQUE_PS)
    return visible


def _hidden(actor: Actor, policy: RecordPolicy, resource_type: str) -> Filter:
    """What the holder hides from this professional or structure alone."""
    references = [*policy.hidden.get(actor.reference, ()), *policy.hidden.get(actor.organization, ())]
    ids = [id_ for type_, _, id_ in (one.partition("/") for one in references) if type_ == resource_type]
    return {"_id": {"$nin": ids}} if ids else {}
