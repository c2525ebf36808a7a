"""What a Reference may lead to: types, profiles, contained, bundled or elsewhere.

https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.targetProfile
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_server.definitions.registry import Definitions
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
    definitions: Definitions,
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
    special = [p for p, t in types.items() if t is not None and t not in plain]
    any_type = not profiles or None in types.values() or "Resource" in names

    def check(item: Item, context: Context) -> list[Fault] | None:
        literal = item.value.get("reference") if item.value.__class__ is dict else None
        if literal.__class__ is not str or not literal:
            return None
        target = context.find(literal)
        if aggregation and (found := _check_place(literal, target, aggregation)):
            return found
        type_ = str(target.get("resourceType")) if target is not None else type_of_reference(literal)
        if not type_ or any_type or not definitions.is_resource_type(type_):
            return None
        if names.isdisjoint(ancestors(type_)):
            text = f"The reference leads to {show(type_)}; allowed are {', '.join(sorted(names))}."
            return fault("structure", text, ".reference", id="reference:target")
        if target is None or type_ in plain or not special:
            return None
        reached = Item(target, None, type_, -1, "")
        if any(conforms(profile, reached, context) for profile in special):
            return None
        text = f"What {show(literal)} leads to meets none of the profiles {', '.join(special)}."
        return fault("structure", text, ".reference", id="reference:profile")

    return check


def _check_place(literal: str, target: Resource | None, aggregation: set[str]) -> list[Fault] | None:
    if literal.startswith("#"):
        allowed = "contained" in aggregation
    else:
        allowed = "referenced" in aggregation or ("bundled" in aggregation and target is not None)
    if allowed:
        return None
    text = f"The reference {show(literal)} must be {' or '.join(sorted(aggregation))}."
    return fault("structure", text, ".reference", id="reference:aggregation")
