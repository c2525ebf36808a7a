"""slice(): the children of an item that are in a slice of a profile. https://hl7.org/fhir/R4/fhirpath.html#functions"""

from __future__ import annotations

from typing import NamedTuple

from fhir_server.definitions.element_tree import ElementNode
from fhir_server.definitions.registry import Definitions
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.types import ancestors
from fhir_server.validation.context import Context
from fhir_server.validation.profile.compile import Compiler
from fhir_server.validation.profile.parts import ItemsOf, Place
from fhir_server.validation.profile.slicing import Slicing, slices_with


class NamedSlices(NamedTuple):
    """An element that has a slice of the wanted name."""

    owner: str
    """Structure of what holds the element."""
    items_of: ItemsOf
    slicing: Slicing


def find_slices(
    root: ElementNode, type_: str, name: str, compiler: Compiler, definitions: Definitions
) -> list[NamedSlices]:
    """Returns the elements of a profile that have a slice of a name."""
    found: list[NamedSlices] = []
    pending = [(root, type_)]
    while pending:
        node, owner = pending.pop()
        structure = definitions.structure_or_none(owner)
        if structure is None:
            continue
        for child in node.children.values():
            element = structure.elements.get(child.name)
            if element is None:
                continue
            place = Place(structure, element)
            slicing = compiler.slicing(child, place) if name in child.slices else None
            if slicing is not None:
                found.append(NamedSlices(owner, compiler.items_of(place), slicing))
            for below in (child, *child.slices.values()):
                types = [
                    str(row.get("code")) for row in below.facts.get("type") or () if isinstance(row, dict)
                ]
                pending.append((below, element.content or (types[0] if len(types) == 1 else "")))
    return found


def select_slices(places: list[NamedSlices], node: Node, name: str, context: Context) -> list[Node]:
    """Returns the children of an item that are in the slice."""
    if not isinstance(node.value, dict):
        return []
    return [
        Node(item.value, item.type, item.sibling)
        for place in places
        if place.owner in ancestors(node.type)
        for item in place.items_of(node.value)
        if name in slices_with(place.slicing, item, context)
    ]
