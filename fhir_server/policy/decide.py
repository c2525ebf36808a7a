"""May this caller do this to that resource? All rules in order; deny by default.

Two faces of one rule set: `constrain` for what the database is asked, `decide` for a resource in
hand. tests/security/test_decide_equals_constrain.py holds them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhir_server.errors import Forbidden
from fhir_server.policy.compartment import compartment_types, shared_types
from fhir_server.policy.context import AccessContext

READING = frozenset("rs")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a token goes on one resource type, decided from the token alone."""

    patient: str = ""
    """Only resources of this patient; "" for all."""

    @property
    def filter(self) -> dict[str, Any]:
        """The reach as a MongoDB filter."""
        return {"p": {"$eq": self.patient}} if self.patient else {}

    def covers(self, patient: str) -> bool:
        """The reach as a predicate on the patient whose compartment holds a resource ("": none, several)."""
        return not self.patient or patient == self.patient


def constrain(context: AccessContext, resource_type: str, letter: str) -> Reach:
    """Returns the reach of a caller for an interaction letter (c r u d s), or raises Forbidden.

    Nothing stored is looked at, so the 403 tells nothing about the record.
    """
    levels = context.scopes.levels(resource_type, letter)
    if "system" in levels:
        return Reach()
    if "patient" in levels and context.patient:
        if resource_type in compartment_types():
            return Reach(context.patient)
        if resource_type in shared_types() and letter in READING:
            return Reach()
    raise Forbidden(f"the token does not allow {_WORDS[letter]} on {resource_type}")


def decide(context: AccessContext, resource_type: str, letter: str, patient: str) -> bool:
    """Tells whether a caller may do this to a resource in the compartment of one patient, or none ("")."""
    try:
        return constrain(context, resource_type, letter).covers(patient)
    except Forbidden:
        return False


_WORDS = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}
