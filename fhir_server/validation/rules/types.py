"""Allowed elements, one type per value[x]. https://hl7.org/fhir/R4/formats.html#choice"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.validation.context import Context
from fhir_server.validation.fault import (
    NO_CONTENT,
    Check,
    Fault,
    ObjectCheck,
    fault,
    gather,
    is_full,
    show,
    wrong_type,
)

_NO_KEYS: frozenset[str] = frozenset()
_ID_ONLY = frozenset({"id"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")


def build_object(structure: Structure, table: dict[str, Check], checks: Sequence[ObjectCheck]) -> Check:
    """Returns the check of the objects of a structure: each property by the table, then the whole."""
    find = table.get
    is_element = structure.kind != "resource"
    segments = _segments(structure)
    # An id does not count as content (ele-1); beside a primitive's value it may stand alone.
    lonely = _NO_KEYS if structure.name == "Element" else _ID_ONLY

    def check(value: Any, _owner: dict[str, Any], context: Context) -> list[Fault] | None:
        if type(value) is not dict or (is_element and len(value) < 2 and value.keys() <= lonely):
            return _not_an_object(value)
        faults: list[Fault] | None = None
        for key, item in value.items():
            rule = find(key)
            found = _unknown(structure, key) if rule is None else rule(item, value, context)
            if found:
                faults = gather(faults, found, "" if rule is None else segments[key.removeprefix("_")])
                if is_full(faults):
                    return faults
        for object_check in checks:
            found = object_check(value, context)
            if found:
                faults = gather(faults, found)
        return faults

    return check


def build_choice(_definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check that at most one type of each choice is given."""
    choices = {
        element.name[:-3]: frozenset(
            name
            for key, (owner, _) in structure.keys.items()
            if owner is element
            for name in (key, "_" + key)
        )
        for element in structure.elements.values()
        if element.is_choice
    }
    if not choices:
        return None

    def check(value: dict[str, Any], _context: Context) -> list[Fault] | None:
        faults: list[Fault] | None = None
        for stem, keys in choices.items():
            given = keys.intersection(value)
            if len(given) > 1:
                names = sorted({key.removeprefix("_") for key in given})
                if len(names) > 1:
                    text = f"Only one type of {stem}[x] is allowed, found {', '.join(names)}."
                    faults = gather(faults, fault("structure", text, f".{stem}", id="type:choice"))
        return faults

    return check


def _segments(structure: Structure) -> dict[str, str]:
    """Returns JSON key → step of a FHIRPath expression."""
    return {
        key: f".{element.name[:-3]}.ofType({type_})" if element.is_choice else f".{key}"
        for key, (element, type_) in structure.keys.items()
    }


def _not_an_object(value: Any) -> list[Fault]:
    if type(value) is not dict:
        return wrong_type("an object", value)
    if value:
        return fault("invariant", NO_CONTENT, id="invariant:ele-1")
    return fault("structure", "An object must not be empty.", id="json:empty-object")


def _unknown(structure: Structure, key: str) -> list[Fault]:
    text = f"{structure.name} has no property {show(key)}."
    if key.startswith("_") and key[1:] in structure.keys:
        text = f"{show(key)} is allowed beside primitive elements only."
    place = (f".{key}",) if _NAME.fullmatch(key) else ()
    return fault("structure", text, *place, id="type:unknown-element")
