"""Codes from required value sets. https://hl7.org/fhir/R4/terminologies.html#required"""

from __future__ import annotations

from typing import Any

from fhir_server.validation.fault import Check, Context, Fault, Position, fault, show


def build(position: Position, check: Check) -> Check:
    """Returns the check with the codes of a required binding; sets that cannot be listed are not checked."""
    binding = position.element.binding
    if binding is None or binding[0] != "required":
        return check
    systems = position.definitions.required_codes(binding[1])
    if systems is None:
        return check
    if position.type == "CodeableConcept":
        return _build_concept(check, systems, binding[1])
    return _build_code(check, frozenset().union(*systems.values()), binding[1])


def _build_code(check: Check, codes: frozenset[str], value_set: str) -> Check:
    def check_code(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        if type(value) is str and value in codes:
            return None
        return check(value, owner, context) or fault(
            "code-invalid", f"The code {show(value)} is not in the required value set {value_set}."
        )

    return check_code


def _build_concept(check: Check, systems: dict[str, frozenset[str]], value_set: str) -> Check:
    def check_concept(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        faults = check(value, owner, context)
        if faults:
            return faults
        for coding in value.get("coding", ()):
            if coding.get("code") in systems.get(coding.get("system"), ()):
                return None
        return fault("code-invalid", f"No coding is in the required value set {value_set}.")

    return check_concept
