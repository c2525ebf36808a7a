"""What checks of profiles are made of. https://hl7.org/fhir/R4/profiling.html"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_server.definitions.registry import Element, Structure
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault


class Item(NamedTuple):
    """One occurrence of an element."""

    value: Any
    """None for a primitive that has only an id or extensions."""
    sibling: dict[str, Any] | None
    """Id and extensions of a primitive."""
    type: str
    """Structure of the value: Quantity, string, Patient.contact; the type of a resource."""
    position: int
    """Place in its array, -1 for what does not repeat."""
    key: str
    """JSON key: valueQuantity."""


ItemCheck = Callable[[Item, Context], "list[Fault] | None"]
Matches = Callable[[Item, Context], bool]
"""Does an item belong to a slice."""


class Place(NamedTuple):
    """Where an element of a profile stands in R4."""

    owner: Structure
    element: Element


def items_of(holder: dict[str, Any], keys: dict[str, str]) -> list[Item]:
    """Returns the occurrences of an element that stands under one of several keys (a choice)."""
    found: list[Item] = []
    if len(keys) > len(holder):
        # A choice of many types: look at the few keys that are there.
        given = dict.fromkeys(key.removeprefix("_") for key in holder)
        keys = {key: keys[key] for key in given if key in keys}
    for key, type_ in keys.items():
        value, sibling = holder.get(key), holder.get("_" + key)
        if value is None and sibling is None:
            continue
        if value.__class__ is not list and sibling.__class__ is not list:
            found.append(_item(value, sibling, type_, -1, key))
            continue
        values = value if value.__class__ is list else []
        siblings = sibling if sibling.__class__ is list else []
        for i in range(max(len(values), len(siblings))):
            one = values[i] if i < len(values) else None
            beside = siblings[i] if i < len(siblings) else None
            if one is not None or beside is not None:
                found.append(_item(one, beside, type_, i, key))
    return found


def _item(value: Any, sibling: Any, type_: str, index: int, key: str) -> Item:
    if type_ == "Resource" and value.__class__ is dict and value.get("resourceType").__class__ is str:
        type_ = value["resourceType"]
    return Item(value, sibling if sibling.__class__ is dict else None, type_, index, key)


def segment_of(item: Item, name: str) -> str:
    """Returns the step of a FHIRPath expression to an item."""
    segment = f".{name[:-3]}.ofType({item.type})" if name.endswith("[x]") else f".{item.key}"
    return segment if item.position < 0 else f"{segment}[{item.position}]"
