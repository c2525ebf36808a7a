"""FHIR XML → plain JSON dict: strict, by the tables of the definitions. https://hl7.org/fhir/R4/xml.html

What JSON can say and is wrong (an unknown code, a missing element) is left to validation; what JSON has no
word for (text between elements, another order, an unknown element) is refused here, with its place.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import Element

from fhir_server.errors import Invalid
from fhir_server.fhir import Resource
from fhir_server.fhir.json import MAX_DEPTH, parse_json
from fhir_server.rest.xml.shapes import (
    BOOLEAN,
    COMPLEX,
    FHIR,
    NARRATIVE,
    NUMBER,
    RESOURCE,
    SCHEMA_LOCATION,
    STRING,
    Shape,
    Slot,
    primitive_shape,
    resource_shape,
)
from fhir_server.rest.xml.text import find_narratives, find_text, parse_xml, places_of, without_narratives

_NAMESPACE = f"{{{FHIR}}}"
_BOOLEANS = {"true": True, "false": False}
_NONE: frozenset[str] = frozenset()


class _Fault(Exception):
    """An element that is not as FHIR XML wants it."""

    def __init__(self, element: Element, message: str) -> None:
        super().__init__(message)
        self.element = element


def read_xml(raw: bytes, max_depth: int = MAX_DEPTH) -> Resource:
    """Returns the resource of an XML text as JSON has it; raises Invalid with line, column and FHIRPath."""
    raw, root = parse_xml(raw)
    spans = find_narratives(raw)
    try:
        found = _Reader(raw, spans, max_depth).read(root)
        mixed = find_text(without_narratives(raw, spans), root)
        if mixed is not None:
            raise _Fault(mixed, "there is text in it or after it; values are attributes")
    except _Fault as fault:
        ((line, column),) = places_of(raw, root, [fault.element]).values()
        where = f"<{_local(fault.element.tag)}>, line {line}, column {column}"
        raise Invalid(f"{where}: {fault}.", path_to(root, fault.element)) from None
    return found


class _Reader:
    """Reads one text; knows which narratives come next."""

    def __init__(self, raw: bytes, spans: list[tuple[int, int]], max_depth: int) -> None:
        self._narratives = iter([raw[begins:end].decode() for begins, end in spans])
        self._max_depth = max_depth

    def read(self, root: Element) -> Resource:
        """Returns the resource of the whole text."""
        return self._resource(root, 1)

    def _resource(self, element: Element, level: int) -> Resource:
        tag = element.tag
        shape = resource_shape(tag.removeprefix(_NAMESPACE)) if tag.startswith(_NAMESPACE) else None
        if shape is None:
            raise _Fault(element, f'no resource type of R4; in XML they are in the namespace "{FHIR}"')
        attributes = element.attrib
        if attributes and attributes.keys() != {SCHEMA_LOCATION}:
            raise _Fault(element, "a resource has no attributes")
        return self._children(element, shape, level, {"resourceType": shape.name})

    def _complex(self, element: Element, slot: Slot, level: int) -> dict[str, Any]:
        shape = slot.shape or primitive_shape()
        attributes = element.attrib
        if attributes:
            _check_attributes(element, shape.attributes)
        return self._children(element, shape, level, attributes.copy())

    def _children(self, element: Element, shape: Shape, level: int, found: dict[str, Any]) -> dict[str, Any]:
        """Adds to `found` what the children of an element say; `level` is how deep JSON has it."""
        slots = shape.by_tag
        beside: dict[str, dict[int, Any]] = {}
        last = 0
        self._check_depth(element, shape, level)
        for child in element:
            slot = slots.get(child.tag)
            if slot is None or last > slot.after:
                raise _Fault(child, _misplaced(slot, last) if slot else _unknown(child, shape))
            kind, last, _, is_list, key, _, _ = slot
            attributes = child.attrib
            if kind == STRING and len(attributes) == 1 and "value" in attributes and not len(child):
                value: Any = attributes["value"]
            elif kind == COMPLEX:
                value = self._complex(child, slot, level + 1 + is_list)
            else:
                value, sibling = _READ[kind](self, child, slot, level + 1 + is_list)
                if sibling:
                    beside.setdefault(key, {})[len(found.get(key, ()))] = sibling
            if is_list:
                found.setdefault(key, []).append(value)
            else:
                found[key] = value
        return _with_siblings(found, beside, shape) if beside else found

    def _check_depth(self, element: Element, shape: Shape, level: int) -> None:
        """An object may have the last level; a list in it would have one more."""
        if level < self._max_depth:
            return
        slots = [shape.by_tag.get(child.tag) for child in element]
        if level > self._max_depth or any(slot is not None and slot.is_list for slot in slots):
            raise _Fault(element, f"nested more than {self._max_depth} levels deep, as JSON counts them")

    def _read_resource(self, element: Element, slot: Slot, level: int) -> tuple[Any, None]:
        _check_attributes(element, _NONE)
        if len(element) != 1:
            raise _Fault(element, "it holds one resource")
        return self._resource(element[0], level), None

    def _read_narrative(self, element: Element, slot: Slot, level: int) -> tuple[Any, None]:
        text = next(self._narratives)
        if not text.startswith("<div"):
            raise _Fault(element, "the <div> of a narrative has no prefix")
        return text, None

    def _read_primitive(self, element: Element, slot: Slot, level: int) -> tuple[Any, Any]:
        """Returns the value, or None, and what stands beside it in JSON, or None."""
        attributes = dict(element.attrib)
        text = attributes.pop("value", None)
        if text is None and not attributes and not len(element):
            raise _Fault(element, "it has neither a value nor an extension")
        value = text if text is None or slot.kind == STRING else _convert(element, slot.kind, text)
        if not attributes and not len(element):
            return value, None
        _check_attributes(element, primitive_shape().attributes | {"value"})
        return value, self._children(element, primitive_shape(), level, attributes)


def _convert(element: Element, kind: int, text: str) -> Any:
    """Returns the JSON value of a boolean or number; a spelling that JSON does not have is none."""
    if kind == BOOLEAN:
        value = _BOOLEANS.get(text)
        if value is None:
            raise _Fault(element, 'a boolean is "true" or "false"')
        return value
    if text.isascii() and text.isdigit() and text[0] != "0" and len(text) < 16:
        return int(text)
    number: Any = None
    try:
        number = parse_json(text.encode()) if text[:1] in "-0123456789" and text[-1:].isdigit() else None
    except Invalid as error:
        raise _Fault(element, error.diagnostics.rstrip(".")) from None
    if number is None:
        raise _Fault(element, "a number is written as in JSON: -1, 0.50, 6.02e23")
    return number


def _with_siblings(found: dict[str, Any], beside: dict[str, dict[int, Any]], shape: Shape) -> dict[str, Any]:
    """Puts what primitives have beside their values under keys of their own. https://hl7.org/fhir/R4/json.html#primitive"""
    whole: dict[str, Any] = {}
    for key, value in found.items():
        siblings = beside.get(key)
        is_list = siblings is not None and shape.slots[key].is_list
        if siblings is None or (value is not None if not is_list else any(one is not None for one in value)):
            whole[key] = value
        if siblings is not None:
            whole[f"_{key}"] = [siblings.get(i) for i in range(len(value))] if is_list else siblings[0]
    return whole


_READ: dict[int, Callable[[_Reader, Element, Slot, int], tuple[Any, Any]]] = {
    STRING: _Reader._read_primitive,
    BOOLEAN: _Reader._read_primitive,
    NUMBER: _Reader._read_primitive,
    RESOURCE: _Reader._read_resource,
    NARRATIVE: _Reader._read_narrative,
}


def _check_attributes(element: Element, known: frozenset[str]) -> None:
    for name in element.attrib:
        if name not in known:
            raise _Fault(element, f"it has no attribute {_local(name)!r}")


def _unknown(element: Element, shape: Shape) -> str:
    if _local(element.tag) in shape.slots:
        slot = shape.slots[_local(element.tag)]
        wanted = next(tag for tag, one in shape.by_tag.items() if one is slot).partition("}")[0][1:]
        return f'it belongs in the namespace "{wanted}"'
    return f"{shape.name} has no such element"


def _misplaced(slot: Slot, last: int) -> str:
    if slot.rank == last:
        return f"{slot.step.partition('.')[0]} appears once"
    return "it stands in the wrong order: elements follow the order of their definition"


def _local(tag: str) -> str:
    return tag.rpartition("}")[2][:64]


def path_to(root: Element, wanted: Element) -> str:
    """Returns the FHIRPath of an element of a tree."""
    way = [root]
    ways = [iter(root)]
    while way and way[-1] is not wanted:
        child = next(ways[-1], None)
        if child is None:
            way.pop()
            ways.pop()
        else:
            way.append(child)
            ways.append(iter(child))
    return _expression(way)


def _expression(way: list[Element]) -> str:
    """Patient, contact, name → Patient.contact[1].name; an element that is not known ends the path."""
    shape = resource_shape(_local(way[0].tag)) if way else None
    if shape is None:
        return ""
    path = shape.name
    for parent, element in pairwise(way):
        if shape is None:  # inside an element that holds a resource: the resource adds no step
            shape = resource_shape(_local(element.tag))
            continue
        slot = shape.by_tag.get(element.tag)
        if slot is None:
            name = _local(element.tag)
            return f"{path}.{name}" if name.isidentifier() else path
        same = [one for one in parent if one.tag == element.tag]
        path += f".{slot.step}"
        if slot.is_list:
            path += f"[{next(i for i, one in enumerate(same) if one is element)}]"
        shape = slot.shape if slot.kind not in (STRING, BOOLEAN, NUMBER) else primitive_shape()
    return path
