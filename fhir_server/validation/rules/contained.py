"""Contained resources: used, with an id, nothing inside, no version, no security label (dom-2 to dom-5).

https://hl7.org/fhir/R4/references.html#contained
"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, ObjectCheck, fault, gather

_TWICE = "Another contained resource has the same id."
_DOM_3 = "dom-3: a contained resource must be referred to, or refer to its container."
_DOM_4 = "dom-4: a contained resource must not have meta.versionId or meta.lastUpdated."
_DOM_5 = "dom-5: a contained resource must not have security labels."


def build_object(_definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check of the contained resources of a DomainResource."""
    return _check if structure.kind == "resource" and "contained" in structure.elements else None


def _check(value: dict[str, Any], context: Context) -> list[Fault] | None:
    contained = value.get("contained")
    if not isinstance(contained, list) or context.root is not context:
        return None
    used: set[str] = set()
    _collect(value, used)
    faults: list[Fault] | None = None
    seen: set[str] = set()
    for i, resource in enumerate(contained):
        if not isinstance(resource, dict):
            continue
        found = _check_one(resource, used)
        id_ = resource.get("id")
        if isinstance(id_, str):
            if id_ in seen:
                found = gather(found, fault("duplicate", _TWICE, ".id", id="contained:duplicate"))
            seen.add(id_)
        if found:
            faults = gather(faults, found, f".contained[{i}]")
    return faults


def _check_one(resource: dict[str, Any], used: set[str]) -> list[Fault] | None:
    faults: list[Fault] | None = None
    if "#" + str(resource.get("id")) not in used and not _refers_to_container(resource):
        faults = fault("invariant", _DOM_3, id="invariant:dom-3")
    meta = resource.get("meta")
    if isinstance(meta, dict):
        if "versionId" in meta or "lastUpdated" in meta:
            faults = gather(faults, fault("invariant", _DOM_4, ".meta", id="invariant:dom-4"))
        if "security" in meta:
            faults = gather(faults, fault("invariant", _DOM_5, ".meta", id="invariant:dom-5"))
    return faults


def _refers_to_container(resource: dict[str, Any]) -> bool:
    used: set[str] = set()
    _collect(resource, used)
    return "#" in used


def _collect(value: Any, used: set[str]) -> None:
    """Adds the local references below a value: what begins with # in a Reference, canonical, uri or url."""
    stack = [value]
    while stack:
        item = stack.pop()
        if item.__class__ is dict:
            stack += item.values()
        elif item.__class__ is list:
            stack += item
        elif item.__class__ is str and item[:1] == "#":
            used.add(item)
