"""An extension by its definition: value, modifier or not, where it may stand.

https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from fhir_server.definitions.element_tree import elements_of
from fhir_server.definitions.registry import Definitions
from fhir_server.fhir import Resource
from fhir_server.fhir.elements import Node as Walked
from fhir_server.fhir.elements import Path, format_expression, walk
from fhir_server.fhirpath.evaluate import compile_expression
from fhir_server.fhirpath.node import FhirPathError
from fhir_server.fhirpath.types import ancestors
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, fault, gather, remark, show
from fhir_server.validation.profile.context_invariants import check_context_invariants

_PREFIX = "http://hl7.org/fhir/StructureDefinition/structuredefinition-"
# Their contexts in R4 are not those in which R4 itself uses them; later versions have others.
_ANYWHERE = frozenset(
    _PREFIX + name for name in ("fhir-type", "normative-version", "fmm", "standards-status", "wg")
)

_SLICE = re.compile(r":[^.]*")

FindDefinition = Callable[[str], Resource | None]
"""Canonical → StructureDefinition of an extension."""


def unknown(url: str) -> list[Fault]:
    """Returns the remark on an extension whose definition is not known: allowed, and worth a hint."""
    return remark("information", "not-found", _unknown(url), id="extension:unknown")


@lru_cache(maxsize=1024)
def _unknown(url: str) -> str:
    return f"The extension {show(url)} is not known here."


def is_modifier(definition: Resource) -> bool:
    """True for the definition of an extension that changes the meaning of what it stands on."""
    modifies = False
    for view in ("differential", "snapshot"):
        for element in elements_of(definition, view)[:1]:
            modifies = element.get("isModifier", modifies) is True
    return modifies


def check_modifier(definition: Resource, key: str, *, modifies: bool) -> list[Fault] | None:
    """Checks that an extension that modifies stands in modifierExtension, and no other there."""
    if modifies is (key == "modifierExtension"):
        return None
    place = "modifierExtension" if modifies else "extension"
    text = f"The extension {show(str(definition.get('url')))} belongs into {place}."
    return fault("structure", text, id="extension:modifier")


def stands_well(definition: Resource, holder: str) -> bool:
    """True where the type of the holder is enough to say that an extension may stand there."""
    rows = definition.get("context")
    if definition.get("contextInvariant"):
        return False
    if not isinstance(rows, list) or not rows:
        return True
    names = ancestors(holder)
    return any(
        isinstance(row, dict)
        and row.get("type") == "element"
        and (row.get("expression") in names or row.get("expression") in ("*", "Element"))
        for row in rows
    )


def check_places(context: Context, definitions: Definitions, find: FindDefinition) -> list[Fault] | None:
    """Returns the faults of the extensions of a resource that stand where their definition does not allow."""
    faults: list[Fault] | None = None
    seen: dict[Path, Walked] = {}
    for node in walk(context.resource, definitions.structure_or_none):
        seen[node.path] = node
        url = node.value.get("url") if node.type == "Extension" and isinstance(node.value, dict) else None
        definition = find(url) if isinstance(url, str) and ":" in url else None
        if definition is None:
            continue
        found = _check_place(definition, node, context, definitions)
        found += check_context_invariants(definition, node, seen, context) if not found else []
        if found:
            expression = format_expression(context.resource, node.path, definitions.structure_or_none)
            segment = expression[len(str(context.resource.get("resourceType"))) :]
            faults = gather(faults, found, segment)
    return faults


def _check_place(
    definition: Resource, node: Walked, context: Context, definitions: Definitions
) -> list[Fault]:
    url, rows = definition.get("url"), definition.get("context")
    if not isinstance(rows, list) or not rows or url in _ANYWHERE:
        return []
    if _is_allowed([r for r in rows if isinstance(r, dict)], node.path, context, definitions):
        return []
    allowed = ", ".join(str(r.get("expression"))[:64] for r in rows[:8] if isinstance(r, dict))
    text = f"The extension {show(str(url))} may not stand here; allowed: {allowed}."
    return fault("structure", text, id="extension:context")


def _is_allowed(rows: list[dict[str, Any]], path: Path, context: Context, definitions: Definitions) -> bool:
    holder, names = _holder(
        path[:-2] if isinstance(path[-1], int) else path[:-1], context.resource, definitions
    )
    if not names:
        return True
    for row in rows:
        expression = str(row.get("expression"))
        type_ = row.get("type")
        if type_ == "element":
            if _element(expression) in names or expression in ("*", "Element"):
                return True
        elif type_ == "extension":
            if isinstance(holder, dict) and holder.get("url") == expression:
                return True
        elif type_ != "fhirpath" or _selects(expression, holder, context):
            return True
    return False


def _element(expression: str) -> str:
    """Returns the path in R4 of an element that a context names as [url]#[element id], slices left out."""
    return _SLICE.sub("", expression.rpartition("#")[2])


def _holder(path: Path, resource: Resource, definitions: Definitions) -> tuple[Any, set[str]]:
    """Returns what holds an extension, and the names by which a context may call it."""
    value: Any = resource
    type_ = str(resource.get("resourceType"))
    names = set(ancestors(type_))
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
            continue
        value = value.get(step) if isinstance(value, dict) else None
        structure = definitions.structure_or_none(type_)
        key = step.removeprefix("_")
        if structure is None or key not in structure.keys:
            return value, names
        element, type_ = structure.keys[key]
        names = set(_below(names, element.name)) | set(ancestors(type_))
        if type_ in ("Resource", "DomainResource"):
            # A resource inside is looked at by itself.
            return value, set()
    return value, names


def _below(names: set[str], name: str) -> Iterator[str]:
    for above in names:
        yield f"{above}.{name}"
        if name.endswith("[x]"):
            yield f"{above}.{name[:-3]}"


def _selects(expression: str, holder: Any, context: Context) -> bool:
    try:
        compiled = compile_expression(expression, str(context.resource.get("resourceType")))
        nodes = compiled.evaluate(context.resource, context.environment)
    except FhirPathError:
        return True
    return any(node.value is holder or (holder is not None and node.element is holder) for node in nodes)
