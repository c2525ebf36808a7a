"""What checks of profiles are made of. https://hl7.org/fhir/R4/profiling.html"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import zip_longest
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


# NamedTuple's own constructor is a Python function; this one is half its price on the hot path.
make_item: Callable[[tuple[Any, dict[str, Any] | None, str, int, str]], Item] = partial(tuple.__new__, Item)

ItemCheck = Callable[[Item, Context], "list[Fault] | None"]
Matches = Callable[[Item, Context], bool]
"""Does an item belong to a slice."""


class Place(NamedTuple):
    """Where an element of a profile stands in R4."""

    owner: Structure
    element: Element


ItemsOf = Callable[[dict[str, Any]], list[Item]]
"""Object → the occurrences of one of its elements."""


def build_items_of(keys: dict[str, str], *, primitive: bool, repeats: bool) -> ItemsOf:
    """Returns what finds an element that stands under one of several keys (a choice)."""
    if len(keys) == 1:
        ((key, type_),) = keys.items()
        if primitive and not repeats:
            return _primitive(key, type_)
        if not primitive and type_ != "Resource":
            return _many(key, type_) if repeats else _one(key, type_)
    return lambda holder: _items_of(holder, keys)


def _one(key: str, type_: str) -> ItemsOf:
    def items_of(holder: dict[str, Any]) -> list[Item]:
        value = holder.get(key)
        return [] if value is None else [make_item((value, None, type_, -1, key))]

    return items_of


def _primitive(key: str, type_: str) -> ItemsOf:
    beside = "_" + key

    def items_of(holder: dict[str, Any]) -> list[Item]:
        value = holder.get(key)
        if beside not in holder:
            return [] if value is None else [make_item((value, None, type_, -1, key))]
        return _items_of(holder, {key: type_})

    return items_of


def _many(key: str, type_: str) -> ItemsOf:
    def items_of(holder: dict[str, Any]) -> list[Item]:
        values = holder.get(key)
        if values.__class__ is not list:
            return []
        return [make_item((value, None, type_, i, key)) for i, value in enumerate(values)]

    return items_of


def _items_of(holder: dict[str, Any], keys: dict[str, str]) -> list[Item]:
    if len(keys) > len(holder):
        # A choice of many types: look at the few keys that are there.
        given = dict.fromkeys(key.removeprefix("_") for key in holder)
        keys = {key: keys[key] for key in given if key in keys}
    found: list[Item] = []
    for key, type_ in keys.items():
        value, sibling = holder.get(key), holder.get("_" + key)
        if value.__class__ is list or sibling.__class__ is list:
            found += _side_by_side(value, sibling, type_, key)
        elif value is not None or sibling is not None:
            found.append(_item(value, sibling, type_, -1, key))
    return found


def _side_by_side(value: Any, sibling: Any, type_: str, key: str) -> list[Item]:
    values = value if value.__class__ is list else []
    siblings = sibling if sibling.__class__ is list else []
    pairs = enumerate(zip_longest(values, siblings))
    return [_item(a, b, type_, i, key) for i, (a, b) in pairs if a is not None or b is not None]


def _item(value: Any, sibling: Any, type_: str, at: int, key: str) -> Item:
    if type_ == "Resource" and value.__class__ is dict and value.get("resourceType").__class__ is str:
        type_ = value["resourceType"]
    return make_item((value, sibling if sibling.__class__ is dict else None, type_, at, key))


def segment_of(item: Item, name: str) -> str:
    """Returns the step of a FHIRPath expression to an item."""
    segment = f".{name[:-3]}.ofType({item.type})" if name.endswith("[x]") else f".{item.key}"
    return segment if item.position < 0 else f"{segment}[{item.position}]"
