"""Type names, their hierarchy and the System type of FHIR primitives. https://hl7.org/fhir/R4/fhirpath.html#types"""

from __future__ import annotations

from functools import cache

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhirpath.node import FhirPathError

SYSTEM_TYPES = frozenset(
    f"System.{name}"
    for name in ("Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity")
)

_TYPES_OF_KIND = {
    "Boolean": "boolean",
    "String": "string uri url canonical code oid id uuid markdown base64Binary xhtml",
    "Integer": "integer unsignedInt positiveInt",
    "Decimal": "decimal",
    "Date": "date",
    "DateTime": "dateTime instant",
    "Time": "time",
    "Quantity": "Quantity Age Count Distance Duration MoneyQuantity SimpleQuantity",
}

KINDS: dict[str, str] = {
    type_: kind for kind, types in _TYPES_OF_KIND.items() for type_ in (*types.split(), f"System.{kind}")
}
"""Type → the System type it converts to implicitly; other types are compared as they are."""


@cache
def ancestors(type_name: str) -> frozenset[str]:
    """Returns a type and all types it derives from."""
    names = {type_name}
    structure = load_definitions().structure_or_none(type_name)
    while structure is not None and structure.base and structure.base not in names:
        names.add(structure.base)
        structure = load_definitions().structure_or_none(structure.base)
    if type_name in SYSTEM_TYPES:
        names.add("System.Any")
    return frozenset(names)


@cache
def type_named(specifier: str) -> str:
    """Returns the type a specifier names: FHIR types before System types; refuses an unknown one."""
    namespace, _, name = specifier.rpartition(".")
    if namespace in ("", "FHIR") and load_definitions().structure_or_none(name) is not None:
        return name
    if namespace in ("", "System") and f"System.{name}" in SYSTEM_TYPES:
        return f"System.{name}"
    raise FhirPathError(f"Unknown type {specifier!r} in a FHIRPath expression")


class TypeTest(dict[str, bool]):
    """Type of an item → whether it is the named type or derives from it."""

    def __init__(self, specifier: str) -> None:
        super().__init__()
        self.name = type_named(specifier)

    def __missing__(self, type_name: str) -> bool:
        answer = self[type_name] = self.name in ancestors(type_name)
        return answer


def is_resource_type(type_name: str) -> bool:
    """True for a concrete or abstract resource type."""
    structure = load_definitions().structure_or_none(type_name)
    return structure is not None and structure.kind == "resource"
