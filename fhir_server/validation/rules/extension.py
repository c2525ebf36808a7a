"""Extensions: a value or extensions (ext-1), and what their definition says.

https://hl7.org/fhir/R4/extensibility.html
"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Check, Fault, ObjectCheck, Position, fault, gather


def build_object(_definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check of ext-1 for Extension."""
    if structure.name != "Extension":
        return None
    values = frozenset(
        name
        for key, (element, _) in structure.keys.items()
        if element.name == "value[x]"
        for name in (key, "_" + key)
    )

    def check(value: dict[str, Any], _context: Context) -> list[Fault] | None:
        if ("extension" in value) is values.isdisjoint(value):
            return None
        text = "ext-1: an extension must have either a value or extensions, not both."
        return fault("invariant", text, id="invariant:ext-1")

    return check


def build(position: Position, check: Check) -> Check:
    """Returns the check of an extension by its definition, and of a value by the profile of its type."""
    if position.type == "Extension":
        return _build_definition(position, check)
    profiles = position.element.profiles.get(position.type, ())
    return _build_profile(profiles[0], position.type, check) if len(profiles) == 1 else check


def _build_definition(position: Position, check: Check) -> Check:
    key, holder = position.key, position.owner.name

    def check_extension(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        faults = check(value, owner, context)
        if context.book is None or value.__class__ is not dict:
            return faults
        found = context.book.check_extension(value, key, holder, context)
        return gather(faults, found) if found else faults

    return check_extension


def _build_profile(canonical: str, type_: str, check: Check) -> Check:
    def check_profile(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        faults = check(value, owner, context)
        if context.book is None or value.__class__ is not dict:
            return faults
        found = context.book.check_value(canonical, value, type_, context)
        return gather(faults, found) if found else faults

    return check_profile
