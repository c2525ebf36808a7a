"""Min and max; arrays of repeating elements, and the two arrays of repeating primitives.

https://hl7.org/fhir/R4/json.html#primitive
"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.validation.context import Context
from fhir_server.validation.fault import (
    NO_CONTENT,
    Check,
    Fault,
    ObjectCheck,
    Position,
    fault,
    gather,
    is_full,
    wrong_type,
)


def build(position: Position, check: Check) -> Check:
    """Returns the check of the property: of the value itself, or of each item of its array."""
    if not position.element.is_list:
        return check
    structure = position.definitions.structure_or_none(position.type)
    is_primitive = structure is not None and structure.is_primitive
    return _build_list(check, "_" + position.key if is_primitive else None)


def build_sibling(position: Position, check: Check) -> Check:
    """Returns the check of the `_name` property beside a primitive element, from the check of an Element."""
    if position.element.is_list:
        return _build_sibling_list(position.key, check)
    return _build_sibling(position.key, check)


def build_required(_definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check that each element of min 1 is there, if only by an extension on a primitive."""
    required = [
        (name.removesuffix("[x]"), _keys_of(structure, name))
        for name, e in structure.elements.items()
        if e.min
    ]
    if not required:
        return None
    usual = [(name, keys[0], frozenset(keys)) for name, keys in required]

    def check(value: dict[str, Any], _context: Context) -> list[Fault] | None:
        faults: list[Fault] | None = None
        for name, key, keys in usual:
            if key not in value and keys.isdisjoint(value):
                text = f"{structure.name}.{name} is required."
                faults = gather(faults, fault("required", text, f".{name}", id="cardinality:min"))
        return faults

    return check


def _keys_of(structure: Structure, name: str) -> list[str]:
    keys = [key for key, (element, _) in structure.keys.items() if element.name == name]
    return keys + ["_" + key for key in keys]


def _build_list(check: Check, sibling: str | None) -> Check:
    def check_list(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        if type(value) is not list:
            return wrong_type("an array", value)
        if not value:
            return fault("structure", "An array must not be empty.", id="json:empty-array")
        faults: list[Fault] | None = None
        for i, item in enumerate(value):
            found = check(item, owner, context)
            if found:
                if item is None and sibling is not None:
                    found = _check_null(owner.get(sibling), i)
                faults = gather(faults, found, f"[{i}]") if found else faults
                if faults is not None and is_full(faults):
                    return faults
        return faults

    return check_list


def _check_null(sibling: Any, i: int) -> list[Fault]:
    if _item(sibling, i) is not None:
        return []
    text = "null stands only for an item that has an id or extension in the `_` array."
    return fault("structure", text, id="json:null")


def _item(items: Any, i: int) -> Any:
    return items[i] if type(items) is list and i < len(items) else None


def _build_sibling(key: str, check: Check) -> Check:
    def check_sibling(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        return check(value, owner, context) or _check_content(value, owner.get(key))

    return check_sibling


def _check_content(sibling: dict[str, Any], value: Any) -> list[Fault] | None:
    if value is None and "extension" not in sibling:
        return fault("invariant", NO_CONTENT, id="invariant:ele-1")
    return None


def _build_sibling_list(key: str, check: Check) -> Check:
    def check_siblings(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        if type(value) is not list:
            return wrong_type("an array", value)
        if not value:
            return fault("structure", "An array must not be empty.", id="json:empty-array")
        beside = owner.get(key)
        faults: list[Fault] | None = None
        if type(beside) is list and len(beside) != len(value):
            text = f"{key} and _{key} must have the same number of items."
            faults = fault("structure", text, id="json:siblings")
        for i, item in enumerate(value):
            found = check(item, owner, context) or _check_content(item, _item(beside, i))
            # Two nulls side by side are reported once, with the values.
            if found and not (item is None and type(beside) is list):
                faults = gather(faults, found, f"[{i}]")
                if is_full(faults):
                    break
        return faults

    return check_siblings
