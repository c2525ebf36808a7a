"""Slices: which items belong to which, how many, in which order. https://hl7.org/fhir/R4/profiling.html#slicing"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, fault, gather, is_full
from fhir_server.validation.profile.parts import Item, ItemCheck, Matches, segment_of

DEFAULT = "@default"
"""Name of the slice of what no other slice takes: it has no discriminator values."""


class Slice(NamedTuple):
    """A slice ready to run."""

    name: str
    matches: Matches
    min: int
    max: int | None
    check: ItemCheck | None
    within: Slicing | None
    """Its own slices (reslicing)."""


class Slicing(NamedTuple):
    """The slices of an element."""

    slices: Sequence[Slice]
    rules: str
    """open, closed, openAtEnd"""
    ordered: bool


def check_slices(slicing: Slicing, name: str, items: list[Item], context: Context) -> list[Fault] | None:
    """Returns the faults of the items of an element by its slices."""
    members: list[list[Item]] = [[] for _ in slicing.slices]
    faults: list[Fault] | None = None
    latest, outside = 0, False
    for item in items:
        at = _find(slicing, item, context)
        found = None if at is None else _check_item(slicing.slices[at], item, context)
        if at is None:
            outside = True
            found = _unmatched(name) if slicing.rules == "closed" else None
        else:
            members[at].append(item)
            if (slicing.ordered and at < latest) or (outside and slicing.rules == "openAtEnd"):
                found = gather(found, _misplaced(slicing.slices[at].name))
            latest = max(latest, at)
        if found:
            faults = gather(faults, found, segment_of(item, name))
            if is_full(faults):
                return faults
    for one, of_slice in zip(slicing.slices, members, strict=True):
        found = _check_count(one, name, of_slice, context)
        if found:
            faults = gather(faults, found)
    return faults


def _find(slicing: Slicing, item: Item, context: Context) -> int | None:
    default: int | None = None
    for at, one in enumerate(slicing.slices):
        if one.name.rpartition("/")[2] == DEFAULT:
            default = at
        elif one.matches(item, context):
            return at
    return default


def slices_with(slicing: Slicing, item: Item, context: Context) -> list[str]:
    """Returns the names of the slices that take an item, from the outermost inwards."""
    names: list[str] = []
    within: Slicing | None = slicing
    while within is not None and (at := _find(within, item, context)) is not None:
        names.append(within.slices[at].name)
        within = within.slices[at].within
    return names


def _check_item(one: Slice, item: Item, context: Context) -> list[Fault] | None:
    return None if one.check is None else one.check(item, context)


def _check_count(one: Slice, name: str, items: list[Item], context: Context) -> list[Fault] | None:
    faults: list[Fault] | None = None
    count = len(items)
    stem = name.removesuffix("[x]")
    if count < one.min:
        text = f"Slice {one.name} of {stem} must be there at least {one.min} times, found {count}."
        faults = fault("required", text, f".{stem}", id="slicing:min")
    elif one.max is not None and count > one.max:
        text = f"Slice {one.name} of {stem} may be there at most {one.max} times, found {count}."
        faults = fault("structure", text, f".{stem}", id="slicing:max")
    if one.within is not None:
        found = check_slices(one.within, name, items, context)
        faults = gather(faults, found) if found else faults
    return faults


def _unmatched(name: str) -> list[Fault]:
    text = f"The item belongs to none of the slices of {name}, and no other is allowed."
    return fault("structure", text, id="slicing:closed")


def _misplaced(name: str) -> list[Fault]:
    return fault(
        "structure", f"The item of slice {name} is not where the slice must stand.", id="slicing:order"
    )
