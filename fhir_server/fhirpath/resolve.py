"""resolve(): the resource a Reference, uri or canonical names. https://hl7.org/fhir/R4/fhirpath.html#functions"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhirpath.navigate import resource_type_of
from fhir_server.fhirpath.node import Collection, Node, State, make_node
from fhir_server.fhirpath.types import KINDS


def resolve(state: State, items: Collection) -> Collection:
    """Returns the resources the items refer to; what cannot be resolved is left out.

    Without Environment.resolve a resource that is elsewhere is only a type: an item without content,
    for `resolve() is Patient` needs no more.
    """
    found: Collection = []
    for value, type_name, _ in items:
        if value.__class__ is dict:
            if type_name == "Reference":
                _resolve_one(state, value.get("reference"), value.get("type"), found)
        elif KINDS.get(type_name) == "String":
            _resolve_one(state, value, None, found)
    return found


def _resolve_one(state: State, reference: Any, declared: Any, found: Collection) -> None:
    if reference.__class__ is str and reference[:1] == "#":
        _resolve_contained(state, reference[1:], found)
        return
    fetch = state.environment.resolve
    if fetch is not None:
        resource = fetch(reference) if isinstance(reference, str) else None
        if resource is not None:
            found.append(Node(resource, resource_type_of(resource), None))
        return
    type_name = type_of_reference(reference) or _declared_type(declared)
    if type_name:
        found.append(make_node(({"resourceType": type_name}, type_name, None)))


def _resolve_contained(state: State, identifier: str, found: Collection) -> None:
    environment = state.environment
    container = environment.root_resource or environment.resource or state.context.value
    if not isinstance(container, dict):
        return
    if not identifier:
        found.append(Node(container, resource_type_of(container), None))
        return
    contained = container.get("contained")
    for resource in contained if isinstance(contained, list) else ():
        if isinstance(resource, dict) and resource.get("id") == identifier:
            found.append(Node(resource, resource_type_of(resource), None))
            return


def type_of_reference(reference: Any) -> str:
    """Returns the resource type a literal reference names (Patient/1, https://host/Patient/1), or ""."""
    if not isinstance(reference, str):
        return ""
    path = reference.partition("?")[0].partition("#")[0].partition("/_history/")[0]
    type_name = path.rpartition("/")[0].rpartition("/")[2] if "/" in path else path
    return type_name if load_definitions().is_resource_type(type_name) else ""


def _declared_type(declared: Any) -> str:
    if not isinstance(declared, str):
        return ""
    type_name = declared.rpartition("/")[2]
    return type_name if load_definitions().is_resource_type(type_name) else ""
