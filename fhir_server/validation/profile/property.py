"""One element of a profile among the properties of an object: how often, of which types, in which slices.

https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.min
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_server.fhirpath.types import ancestors
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, fault, gather, show
from fhir_server.validation.profile.parts import Item, ItemCheck, ItemsOf, Place, segment_of
from fhir_server.validation.profile.slicing import Slicing, check_slices

PropertyCheck = Callable[[dict[str, Any], Context], "list[Fault] | None"]


def build_property(
    facts: dict[str, Any],
    place: Place,
    items_of: ItemsOf,
    check_item: ItemCheck | None,
    slicing: Slicing | None,
) -> PropertyCheck | None:
    """Returns the check of an element, None where the profile says nothing beyond R4."""
    name = place.element.name
    count = _build_count(facts, place)
    types = _narrowed(facts, place)
    if check_item is None and slicing is None and types is None:
        if count is None:
            return None
        return lambda holder, _: count(len(items_of(holder)))

    return _check_all(_Property(name, items_of, count, types, check_item, slicing))


def accept_text(key: str, wanted: str | None, check: PropertyCheck) -> PropertyCheck:
    """Returns the check with a short cut: a primitive that is there, and has the one value it may have."""
    beside = "_" + key

    def check_text(holder: dict[str, Any], context: Context) -> list[Fault] | None:
        value = holder.get(key)
        if value is not None and (wanted is None or value == wanted) and beside not in holder:
            return None
        return check(holder, context)

    return check_text


class _Property(NamedTuple):
    name: str
    items_of: ItemsOf
    check_count: Callable[[int], list[Fault] | None] | None
    types: frozenset[str] | None
    check_item: ItemCheck | None
    slicing: Slicing | None


def _check_all(of: _Property) -> PropertyCheck:
    name, items_of, check_count, types, check_item, slicing = of

    def check(holder: dict[str, Any], context: Context) -> list[Fault] | None:
        items = items_of(holder)
        faults = check_count(len(items)) if check_count is not None else None
        for item in items:
            found = _check_type(item, types)
            if not found and check_item is not None:
                found = check_item(item, context)
            if found:
                faults = gather(faults, found, segment_of(item, name))
        if slicing is not None:
            found = check_slices(slicing, name, items, context)
            faults = gather(faults, found) if found else faults
        return faults

    return check


def _build_count(facts: dict[str, Any], place: Place) -> Callable[[int], list[Fault] | None] | None:
    element = place.element
    least = facts.get("min")
    least = least if isinstance(least, int) and least > element.min else 0
    text = facts.get("max")
    most = int(text) if isinstance(text, str) and text.isdecimal() else None
    if most is not None and element.max and most >= element.max:
        most = None
    if not least and most is None:
        return None
    stem = element.name.removesuffix("[x]")
    path = f"{place.owner.name}.{stem}"

    def check(count: int) -> list[Fault] | None:
        if count < least:
            text = f"{path} must be there at least {least} times, found {count}."
            return fault("required", text, f".{stem}", id="cardinality:min")
        if most is not None and count > most:
            text = f"{path} may be there at most {most} times, found {count}."
            return fault("structure", text, f".{stem}", id="cardinality:max")
        return None

    return check


def _narrowed(facts: dict[str, Any], place: Place) -> frozenset[str] | None:
    """Returns the types a profile allows where they are fewer than those of R4."""
    rows = facts.get("type")
    if not isinstance(rows, list) or place.element.content:
        return None
    types = frozenset(str(row.get("code")) for row in rows if isinstance(row, dict))
    if not types or any("://" in name for name in types) or types >= set(place.element.types):
        return None
    return types


def _check_type(item: Item, types: frozenset[str] | None) -> list[Fault] | None:
    if types is None or item.type in types or not types.isdisjoint(ancestors(item.type)):
        return None
    text = f"The type {show(item.type)} is not allowed; allowed are {', '.join(sorted(types))}."
    return fault("structure", text, id="profile:type")
