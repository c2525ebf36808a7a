"""What a Reference may lead to: types, profiles, contained, bundled or elsewhere.

https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.targetProfile
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_server.definitions.snapshot import type_url
from fhir_server.fhir import Resource
from fhir_server.fhirpath.resolve import type_of_reference
from fhir_server.fhirpath.types import ancestors
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, fault, show
from fhir_server.validation.profile.parts import Item, ItemCheck

Conforms = Callable[[str, Item, Context], bool]
FindType = Callable[[str], "str | None"]
"""Canonical of a profile → type it constrains."""


def build_targets(
    rows: list[dict[str, Any]],
    known: tuple[str, ...],
    find_type: FindType,
    conforms: Conforms,
) -> ItemCheck | None:
    """Returns the check of the types rows of a Reference where they say more than R4 (`known`)."""
    profiles = [str(p) for row in rows for p in row.get("targetProfile") or ()]
    aggregation = {str(a) for row in rows for a in row.get("aggregation") or ()}
    is_known = set(profiles) <= {type_url(name) for name in known} and len(profiles) == len(known)
    if (is_known or not profiles) and not aggregation:
        return None
    types = {p: find_type(p) for p in profiles}
    names = frozenset(t for t in types.values() if t is not None)
    plain = frozenset(t for p, t in types.items() if t is not None and p == type_url(t))
    special = tuple(p for p, t in types.items() if t is not None and t not in plain)
    any_type = not profiles or None in types.values() or "Resource" in names
    targets = _Targets(None if any_type else names, plain, special, conforms)

    def check(item: Item, context: Context) -> list[Fault] | None:
        literal = item.value.get("reference") if item.value.__class__ is dict else None
        if literal.__class__ is not str or not literal:
            return None
        target = context.find(literal)
        found = _check_place(literal, target, aggregation) if aggregation else None
        return found or _check_target(literal, target, targets, context)

    return check


class _Targets(NamedTuple):
    types: frozenset[str] | None
    """Types that may be referred to, None where that is open."""
    plain: frozenset[str]
    """Types of which every resource is good enough."""
    profiles: tuple[str, ...]
    conforms: Conforms


def _check_target(
    literal: str, target: Resource | None, targets: _Targets, context: Context
) -> list[Fault] | None:
    type_ = str(target.get("resourceType")) if target is not None else type_of_reference(literal)
    if not type_ or targets.types is None:
        return None
    if targets.types.isdisjoint(ancestors(type_)):
        text = f"The reference leads to {show(type_)}; allowed are {', '.join(sorted(targets.types))}."
        return fault("structure", text, ".reference", id="reference:target")
    if target is None or type_ in targets.plain:
        return None
    item = Item(target, None, type_, -1, "")
    if any(targets.conforms(profile, item, context) for profile in targets.profiles):
        return None
    text = f"What {show(literal)} leads to meets none of the profiles {', '.join(targets.profiles)}."
    return fault("structure", text, ".reference", id="reference:profile")


def _check_place(literal: str, target: Resource | None, aggregation: set[str]) -> list[Fault] | None:
    if literal.startswith("#"):
        allowed = "contained" in aggregation
    else:
        allowed = "referenced" in aggregation or ("bundled" in aggregation and target is not None)
    if allowed:
        return None
    text = f"The reference {show(literal)} must be {' or '.join(sorted(aggregation))}."
    return fault("structure", text, ".reference", id="reference:aggregation")
