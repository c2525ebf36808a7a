"""Where in an XML text the FHIRPath expressions of issues point. https://hl7.org/fhir/R4/extension-operationoutcome-issue-line.html"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from fhir_server.fhir.position import Position, Step, parse_steps
from fhir_server.rest.xml.text import parse_xml, places_of


def locate_xml(raw: bytes, expressions: Iterable[str], start: tuple[Step, ...] = ()) -> dict[str, Position]:
    """Returns the position of each expression, or of the nearest element around it that the text has.

    `start` leads from the root to the resource that the expressions begin at.
    """
    raw, root = parse_xml(raw)
    begins = _follow(root, [(step, "") for step in start])
    found = {expression: _follow(begins, list(parse_steps(expression))) for expression in expressions}
    places = places_of(raw, root, found.values())
    return {expression: Position(*places[id(element)]) for expression, element in found.items()}


def _follow(element: Element, steps: Sequence[tuple[Step, str]]) -> Element:
    """Follows names and indices as far as they lead."""
    for at, (step, type_) in enumerate(steps):
        if isinstance(step, int):
            continue
        index = next((one for one, _ in steps[at + 1 : at + 2] if isinstance(one, int)), 0)
        named = _named(element, step + type_[:1].upper() + type_[1:])
        if index >= len(named):
            return element
        element = named[index]
    return element


def _named(element: Element, name: str) -> list[Element]:
    """Returns the children of a name; those of the resource, where an element holds one."""
    inner = element[0] if len(element) == 1 and _local(element[0])[:1].isupper() else element
    return [child for child in inner if _local(child) == name]


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]
