"""elementDefinition(): what R4 says of the elements that the items are. https://hl7.org/fhir/R4/fhirpath.html#functions"""

from __future__ import annotations

from fhir_server.definitions.registry import load_definitions
from fhir_server.definitions.sources import load_r4_source
from fhir_server.fhirpath.functions.signature import Table, plain
from fhir_server.fhirpath.navigate import Children
from fhir_server.fhirpath.node import Collection, FhirPathError, Node, State, Step

ELEMENT_DEFINITION = "elementDefinition"


class DefinedNode(Node):
    """An item that knows which element of its parent it is."""

    owner: str
    """Structure of the parent: Patient, Patient.contact, HumanName."""
    name: str


def defined_member(name: str) -> Step:
    """Compiles a step to child elements, as `member`, for expressions that ask for their definition."""
    select = Children(name).of

    def step(state: State, items: Collection) -> Collection:
        found: Collection = []
        for item in items:
            for child in select([item]):
                node = DefinedNode(*child)
                node.owner = "Element" if item.value.__class__ is not dict else item.type
                node.name = name
                found.append(node)
        return found

    return step


def _element_definition(state: State, items: Collection) -> Collection:
    found: Collection = []
    for item in items:
        state.spend(10)
        element = load_r4_source().element(*_place(item))
        if element is not None:
            found.append(Node(element, "ElementDefinition", None))
    return found


def _place(item: Node) -> tuple[str, str]:
    """Returns the structure and the name of an element; of a resource the structure alone."""
    if isinstance(item, DefinedNode):
        return item.owner, item.name
    structure = load_definitions().structure_or_none(item.type)
    if structure is None or structure.kind != "resource":
        raise FhirPathError(f"{ELEMENT_DEFINITION}(): which element this {item.type} is, is not known")
    return item.type, ""


DEFINED: Table = {ELEMENT_DEFINITION: plain(_element_definition)}
