"""May this caller do this to that resource? All rules in order; deny by default.

Two faces of one rule set: `constrain` for what the database is asked, `decide` for a resource in
hand. tests/security/test_decide_equals_constrain.py holds them together. docs/security/access.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_server.errors import Forbidden
from fhir_server.fhir.primitives import is_id
from fhir_server.policy.compartment import compartment_types, shared_types
from fhir_server.policy.context import AccessContext
from fhir_server.policy.granular import Parameters, compile_parameters
from fhir_server.policy.reach import EVERYTHING, Reach, Share

READING = frozenset("rs")
PROFESSIONALS = frozenset({"Practitioner", "PractitionerRole"})
HOLDERS = frozenset({"Patient", "RelatedPerson"})

_EVERY_RECORD: tuple[str, ...] = ()


def constrain(context: AccessContext, resource_type: str, letters: str) -> Reach:
    """Returns the reach of a caller for an interaction letter (c r u d s), or for any of several.

    Raises Forbidden where there is none. Nothing stored is looked at, so the 403 tells nothing of a record.
    """
    wanted = _WANTED[letters]
    found: dict[tuple[str, ...], list[Parameters]] = {}
    for rule in context.scopes.rules:
        if not rule.covers(resource_type) or wanted.isdisjoint(rule.letters):
            continue
        patients = _records(context, rule.level, resource_type, is_reading=wanted <= READING)
        if patients is None:
            continue
        if not patients and not rule.parameters:
            return EVERYTHING
        found.setdefault(patients, []).append(rule.parameters)
    if not found:
        raise Forbidden(f"the token does not allow {_WORDS[letters[0]]} on {resource_type}")
    base_url = context.scopes.base_url
    return Reach(tuple(_share(patients, rows, resource_type, base_url) for patients, rows in found.items()))


def decide(context: AccessContext, resource_type: str, letter: str, document: Mapping[str, Any]) -> bool:
    """Tells whether a caller may do this to a resource, by the fields of its document."""
    try:
        return constrain(context, resource_type, letter).covers(document)
    except Forbidden:
        return False


def _records(
    context: AccessContext, level: str, resource_type: str, *, is_reading: bool
) -> tuple[str, ...] | None:
    """Returns the patients whose records a level opens for a type: () for every resource, None for none."""
    patients = _bound(context, level)
    if not patients or resource_type in compartment_types():
        return patients
    return _EVERY_RECORD if is_reading and resource_type in shared_types() else None


def _bound(context: AccessContext, level: str) -> tuple[str, ...] | None:
    """Returns the patients to whom a level is bound: () for all of them, None where nothing binds it."""
    if level == "system":
        return _EVERY_RECORD
    if level == "patient":
        return (context.patient,) if context.patient else None
    return _bound_to_person(context)


def _bound_to_person(context: AccessContext) -> tuple[str, ...] | None:
    """user/: the one patient of the token; else the records of a holder, or all for a professional."""
    kind, person = _person(context.fhir_user, context.scopes.base_url)
    if not kind:
        return None
    if context.patient:
        return (context.patient,)
    if kind in PROFESSIONALS:
        return _EVERY_RECORD
    own = (person,) if kind == "Patient" else ()
    return tuple(dict.fromkeys((*own, *context.patients))) or None


def is_person(fhir_user: str, base_url: str) -> bool:
    """Tells whether a reference names a person of this server to whom user/ scopes can be bound."""
    return bool(_person(fhir_user, base_url)[0])


def _person(fhir_user: str, base_url: str) -> tuple[str, str]:
    """Returns type and id of a person; empty for anything else, such as a Patient of another server."""
    relative = fhir_user.removeprefix(f"{base_url}/") if base_url else fhir_user
    kind, _, person = relative.partition("/")
    return (kind, person) if kind in PROFESSIONALS | HOLDERS and is_id(person) else ("", "")


def _share(patients: tuple[str, ...], rows: list[Parameters], resource_type: str, base_url: str) -> Share:
    if () in rows:  # one scope has no condition
        return Share(patients)
    return Share(patients, tuple(compile_parameters(resource_type, row, base_url) for row in rows))


_WANTED = {letters: frozenset(letters) for letters in ("c", "r", "u", "d", "s", "rs")}
_WORDS = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}
