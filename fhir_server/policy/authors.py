"""Whose contribution a resource is: of who writes it, or of whom it names where a back end loads it.

docs/security/patient-decides.md: authors read and manage what they contributed, masked or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_server.fhir import Resource
from fhir_server.fhir.reference import parse_reference
from fhir_server.policy.actor import HOLDER, PROFESSIONAL, REPRESENTATIVE, SYSTEM, Actor

_ELEMENTS = ("author", "recorder", "performer", "requester", "asserter", "informationSource", "custodian")
_AUTHORS = frozenset({"Practitioner", "PractitionerRole", "Organization", "Patient", "RelatedPerson"})
_MOST = 20


def authors_of(resource: Resource, actor: Actor, patient: str, base_url: str) -> list[str]:
    """Returns the references of the authors of a new resource in the record of a patient."""
    if actor.kind == SYSTEM:
        return list(dict.fromkeys(_declared(resource, base_url)))[:_MOST]
    if actor.kind == PROFESSIONAL:
        return [one for one in (actor.reference, actor.organization) if one]
    if actor.kind == HOLDER:
        return [f"Patient/{patient}"]
    if actor.kind == REPRESENTATIVE:
        return [actor.reference, f"Patient/{patient}"]
    return [actor.organization]


def _declared(resource: Resource, base_url: str) -> Iterator[str]:
    for element in _ELEMENTS:
        values = resource.get(element)
        for value in values if isinstance(values, list) else [values]:
            yield from _reference(value, base_url)


def _reference(value: Any, base_url: str) -> Iterator[str]:
    """Yields a local reference, or that of the actor of a backbone element."""
    if not isinstance(value, dict):
        return
    text = value.get("reference")
    if text is None:
        yield from _reference(value.get("actor"), base_url)
    elif isinstance(text, str):
        reference = parse_reference(text, base_url)
        if reference is not None and reference.kind == "local" and reference.type in _AUTHORS:
            yield f"{reference.type}/{reference.id}"
