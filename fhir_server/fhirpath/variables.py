"""%variables. https://hl7.org/fhir/R4/fhirpath.html#variables"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fhir_server.fhir.json import SpelledDecimal
from fhir_server.fhirpath.navigate import resource_type_of
from fhir_server.fhirpath.node import EMPTY, Collection, FhirPathError, Node, State, Step, string

_CONSTANTS = {
    "ucum": "http://unitsofmeasure.org",
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
}
_PREFIXES = {
    "vs-": "http://hl7.org/fhir/ValueSet/",
    "ext-": "http://hl7.org/fhir/StructureDefinition/",
}
_SYSTEM_TYPES: dict[type, str] = {
    str: "System.String",
    bool: "System.Boolean",
    int: "System.Integer",
    Decimal: "System.Decimal",
    SpelledDecimal: "System.Decimal",
}


def variable(name: str) -> Step:
    """Compiles %name; a name that no constant has is looked for in Environment.variables when evaluated."""
    constant = _CONSTANTS.get(name)
    for prefix, canonical in _PREFIXES.items():
        if name.startswith(prefix):
            constant = canonical + name.removeprefix(prefix)
    if constant is not None:
        items = string(constant)
        return lambda state, _: items
    return _RESOURCES.get(name) or _given(name)


def _given(name: str) -> Step:
    def step(state: State, items: Collection) -> Collection:
        try:
            value = state.environment.variables[name]
        except KeyError:
            raise FhirPathError(f"FHIRPath variable %{name} is not defined") from None
        return as_collection(value)

    return step


def as_collection(value: Any) -> Collection:
    """Returns a given value as a collection: scalars as System types, dicts as resources."""
    if value is None:
        return EMPTY
    if isinstance(value, Node):
        return [value]
    if isinstance(value, list):
        return [node for item in value for node in as_collection(item)]
    if isinstance(value, dict):
        return [Node(value, resource_type_of(value), None)]
    return [Node(value, _SYSTEM_TYPES[type(value)], None)]


def _resource(state: State, items: Collection) -> Collection:
    resource = state.environment.resource
    if resource is None:
        return [state.context]
    return [Node(resource, resource_type_of(resource), None)]


def _root_resource(state: State, items: Collection) -> Collection:
    resource = state.environment.root_resource
    return _resource(state, items) if resource is None else [Node(resource, resource_type_of(resource), None)]


_RESOURCES: dict[str, Step] = {
    "resource": _resource,
    "rootResource": _root_resource,
    "context": lambda state, items: [state.context],
}
