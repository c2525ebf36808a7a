"""Which XML elements a structure has, in which order, and their JSON keys: tables from the definitions.

https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/json.html#xml
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import NamedTuple

from fhir_server.definitions.registry import Element, Structure, load_definitions

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"
SCHEMA_LOCATION = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
"""Says where a schema is, nothing of the resource: the one attribute that is read over."""

STRING, BOOLEAN, NUMBER, COMPLEX, RESOURCE, NARRATIVE = range(6)
"""How the value of an element is spelled in XML and in JSON."""

_KINDS = {"boolean": BOOLEAN, "xhtml": NARRATIVE, "Resource": RESOURCE} | dict.fromkeys(
    ("decimal", "integer", "positiveInt", "unsignedInt"), NUMBER
)


class Slot(NamedTuple):
    """One element of a structure; a choice has one for each of its types."""

    kind: int
    rank: int
    """Its place in the order of the structure, from 1."""
    after: int
    """The greatest rank that may stand before it: its own when it repeats."""
    is_list: bool
    key: str
    """Its name in JSON, which is its name in XML: status, valueQuantity."""
    step: str
    """Its name in FHIRPath: status, value.ofType(Quantity)."""
    shape: Shape | None
    """Of its children, when it is complex."""


class Shape:
    """The elements and attributes of a structure; its tables are made on first use."""

    def __init__(self, structure: Structure) -> None:
        self.name = structure.name
        self.is_resource = structure.kind == "resource"
        self._structure = structure
        names = () if self.is_resource else ("id", "url") if structure.name == "Extension" else ("id",)
        self.attributes: frozenset[str] = frozenset(names)
        """Keys that are attributes in XML: Element.id and Extension.url."""

    @cached_property
    def slots(self) -> dict[str, Slot]:
        """By JSON key, in the order of the structure."""
        ranks = {name: rank for rank, name in enumerate(self._structure.elements, 1)}
        return {
            key: _slot(key, element, type_, ranks[element.name])
            for key, (element, type_) in self._structure.keys.items()
            if key not in self.attributes
        }

    @cached_property
    def ranks(self) -> dict[str, int]:
        """The rank of each JSON key."""
        return {key: slot.rank for key, slot in self.slots.items()}

    @cached_property
    def by_tag(self) -> dict[str, Slot]:
        """By the qualified name of the XML element."""
        return {
            f"{{{XHTML if slot.kind == NARRATIVE else FHIR}}}{key}": slot for key, slot in self.slots.items()
        }


def _slot(key: str, element: Element, type_: str, rank: int) -> Slot:
    structure = load_definitions().structure(type_)
    kind = _KINDS.get(type_, STRING if structure.is_primitive else COMPLEX)
    step = f"{element.name[:-3]}.ofType({type_})" if element.is_choice else key
    after = rank if element.is_list else rank - 1
    shape = shape_of(type_) if kind == COMPLEX else None
    return Slot(kind, rank, after, element.is_list, key, step, shape)


@cache
def shape_of(name: str) -> Shape:
    """Returns the shape of a resource type, data type or backbone."""
    return Shape(load_definitions().structure(name))


@cache
def primitive_shape() -> Shape:
    """Returns the shape of what a primitive has beside its value: an id, extensions."""
    return shape_of("Element")


def resource_shape(name: object) -> Shape | None:
    """Returns the shape of a concrete resource type, None when there is none of that name."""
    return shape_of(str(name)) if load_definitions().is_resource_type(name) else None
