"""May this caller do this to that resource? All rules in order; deny by default.

Two faces of one rule set: `constrain` for what the database is asked, `decide` for a resource in
hand. tests/security/test_decide_equals_constrain.py holds them together. docs/security/access.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_server.errors import Forbidden
from fhir_server.policy.actor import (
    HOLDER,
    PROFESSIONALS,
    STRUCTURE,
    Actor,
    actor_in,
    read_person,
)
from fhir_server.policy.compartment import record_types, shared_types
from fhir_server.policy.context import AccessContext
from fhir_server.policy.granular import Parameters, compile_parameters
from fhir_server.policy.own_events import own_events_filter
from fhir_server.policy.reach import EVERYTHING, Reach, Share
from fhir_server.policy.record_policy import RecordPolicy
from fhir_server.policy.record_rules import Refused, reading, writing
from fhir_server.policy.situation import Situation
from fhir_server.search.entries import Filter

READING = frozenset("rs")

_EVERY_RECORD: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Area:
    """A part of what is stored that the rules open: some records, and of them what a filter finds."""

    patients: tuple[str, ...]
    filter: Filter = field(default_factory=dict)
    rule: str = "scope"

    @property
    def key(self) -> tuple[Any, ...]:
        return self.patients, repr(self.filter) if self.filter else ""


_EVERYWHERE = _Area(_EVERY_RECORD)


def constrain(situation: Situation, resource_type: str, letters: str) -> Reach:
    """Returns the reach of a caller for an interaction letter (c r u d s), or for any of several.

    Raises Forbidden where there is none: by the token, or by the policy of the record it is bound to.
    """
    wanted = _WANTED[letters]
    areas: dict[str, list[_Area]] = {}
    found: dict[tuple[Any, ...], tuple[_Area, list[Parameters]]] = {}
    refused: Forbidden | None = None
    for rule in situation.context.scopes.rules:
        if not rule.covers(resource_type) or wanted.isdisjoint(rule.letters):
            continue
        if rule.level not in areas:
            try:
                areas[rule.level] = _areas(situation, rule.level, resource_type, letters)
            except Forbidden as error:
                refused, areas[rule.level] = error, []
        for area in areas[rule.level]:
            if not rule.parameters and not area.patients and not area.filter:
                return EVERYTHING
            found.setdefault(area.key, (area, []))[1].append(rule.parameters)
    if not found:
        raise refused or Forbidden(f"the token does not allow {_WORDS[letters[0]]} on {resource_type}")
    base_url = situation.context.scopes.base_url
    shares = [_share(area, rows, resource_type, base_url) for area, rows in found.values()]
    return Reach(tuple(shares), next(iter(found.values()))[0].rule)


def decide(situation: Situation, resource_type: str, letter: str, document: Mapping[str, Any]) -> bool:
    """Tells whether a caller may do this to a resource, by the fields of its document."""
    try:
        return constrain(situation, resource_type, letter).covers(document)
    except Forbidden:
        return False


def require_scope(context: AccessContext, resource_type: str, letters: str) -> None:
    """Raises Forbidden where no scope of the token names the type for any of the letters."""
    wanted = _WANTED[letters]
    for rule in context.scopes.rules:
        if rule.covers(resource_type) and not wanted.isdisjoint(rule.letters):
            return
    raise Forbidden(f"the token does not allow {_WORDS[letters[0]]} on {resource_type}")


def is_person(fhir_user: str, base_url: str) -> bool:
    """Tells whether a reference names a person of this server to whom user/ scopes can be bound."""
    return bool(read_person(fhir_user, base_url)[0])


def _areas(situation: Situation, level: str, resource_type: str, letters: str) -> list[_Area]:
    """Returns what a level opens of a type; raises Refused where the records refuse it all."""
    context = situation.context
    if level == "system" and not context.activity.organization:
        return [_EVERYWHERE]
    patients = _bound(context, level)
    if patients is None:
        return []
    if resource_type not in record_types():
        is_open = _WANTED[letters] <= READING and resource_type in shared_types()
        return [_EVERYWHERE] if is_open else []
    if not patients:
        return _unbound_areas(situation, level, resource_type, letters)
    areas = _in_records(situation, level, patients, resource_type, letters)
    if resource_type == "Binary":
        areas.append(_unowned(actor_in(context, level, patients[0]), patients[0]))
    return areas


def _in_records(
    situation: Situation, level: str, patients: tuple[str, ...], resource_type: str, letters: str
) -> list[_Area]:
    areas: list[_Area] = []
    refused: Refused | None = None
    for patient in patients:
        try:
            areas.append(_area(situation, level, patient, resource_type, letters))
        except Refused as error:
            refused = error
    if not areas and refused is not None:
        raise refused
    return _merge(areas)


def _area(situation: Situation, level: str, patient: str, resource_type: str, letters: str) -> _Area:
    actor = actor_in(situation.context, level, patient)
    is_reading = _WANTED[letters] <= READING
    # What the holder reads of the own record depends on no decision, so none is looked up.
    is_free = is_reading and actor.kind == HOLDER
    policy = RecordPolicy(patient) if is_free else situation.policy_of(patient)
    try:
        if is_reading:
            verdict = reading(actor, policy, resource_type, situation.moment)
        else:
            verdict = writing(actor, policy, letters, resource_type, situation.moment)
    except Refused as error:
        situation.decided[patient] = error.rule
        raise
    situation.decided[patient] = verdict.rule
    return _Area((patient,), verdict.filter, verdict.rule)


def _merge(areas: list[_Area]) -> list[_Area]:
    """Joins the records of which the same is open."""
    if len(areas) < 2:
        return areas
    merged: dict[str, _Area] = {}
    for area in areas:
        key = repr(area.filter)
        known = merged.get(key)
        patients = (*known.patients, *area.patients) if known else area.patients
        merged[key] = _Area(patients, area.filter, area.rule)
    return list(merged.values())


def _unbound_areas(situation: Situation, level: str, resource_type: str, letters: str) -> list[_Area]:
    """Returns what a professional or a structure reaches without naming a patient."""
    actor = actor_in(situation.context, level, "")
    if resource_type == "Binary":
        return [_unowned(actor, "")]
    if actor.kind == STRUCTURE and letters != "c":
        verdict = reading(actor, RecordPolicy(""), resource_type, situation.moment)
        return [_Area(_EVERY_RECORD, verdict.filter, verdict.rule)]
    if _WANTED[letters] <= READING and resource_type == "Patient":
        verdict = reading(actor, RecordPolicy(""), resource_type, situation.moment)
        return [_Area(_EVERY_RECORD, verdict.filter, verdict.rule)]
    if _WANTED[letters] <= READING and resource_type == "AuditEvent":
        return [_Area(_EVERY_RECORD, own_events_filter(actor.reference), "author")]
    raise Refused("the request names no patient: one record is opened at a time", "scope")


def _unowned(actor: Actor, patient: str) -> _Area:
    """A Binary that no document refers to yet: its creator's alone."""
    author = actor.reference or actor.organization or f"Patient/{patient}"
    return _Area(_EVERY_RECORD, {"p": {"$eq": None}, "au": {"$eq": author}}, "author")


def _bound(context: AccessContext, level: str) -> tuple[str, ...] | None:
    """Returns the patients to whom a level is bound: () where the request names one, None for nobody."""
    if level == "system":
        return (context.patient,) if context.patient else _EVERY_RECORD
    if level == "patient":
        return (context.patient,) if context.patient else None
    return _bound_to_person(context)


def _bound_to_person(context: AccessContext) -> tuple[str, ...] | None:
    """user/: the one patient of the token or of the request; else the records of a holder."""
    kind, person = read_person(context.fhir_user, context.scopes.base_url)
    if not kind:
        return None
    if context.patient:
        return (context.patient,)
    if kind in PROFESSIONALS:
        return _EVERY_RECORD
    own = (person,) if kind == "Patient" else ()
    return tuple(dict.fromkeys((*own, *context.patients))) or None


def _share(area: _Area, rows: list[Parameters], resource_type: str, base_url: str) -> Share:
    if () in rows:  # one scope has no condition
        return Share(area.patients, (), area.filter)
    conditions = tuple(compile_parameters(resource_type, row, base_url) for row in rows)
    return Share(area.patients, conditions, area.filter)


_WANTED = {letters: frozenset(letters) for letters in ("c", "r", "u", "d", "s", "rs")}
_WORDS = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}
