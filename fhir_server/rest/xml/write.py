"""Plain JSON dict → FHIR XML, in the order of the definitions. https://hl7.org/fhir/R4/xml.html

XML carries all that a valid resource says. What it cannot carry is refused, never bent: see `Unwritable`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir_server.fhir import Resource
from fhir_server.fhir.json import SpelledDecimal, decode_json
from fhir_server.rest.xml.narrative import narrative_markup
from fhir_server.rest.xml.shapes import (
    BOOLEAN,
    COMPLEX,
    FHIR,
    NARRATIVE,
    NUMBER,
    RESOURCE,
    STRING,
    Shape,
    Slot,
    primitive_shape,
    resource_shape,
)

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

_SPECIAL = re.compile('[&<>"\x01-\x1f\ufffe\uffff]')
_NEVER = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BETWEEN = "\0"
_ESCAPES = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    (">", "&gt;"),
    ('"', "&quot;"),
    ("\t", "&#9;"),  # as they are, XML reads them as spaces
    ("\n", "&#10;"),
    ("\r", "&#13;"),
)


class Unwritable(ValueError):
    """What has no form in XML: an unknown element, a value of another type, a control character, bad XHTML.

    No valid resource has any of it; VALIDATION=off lets it in.
    """


def write_xml(raw: bytes) -> bytes:
    """Returns the XML text of a resource that this server has as JSON text."""
    # Markup and values take turns, so that all values are escaped at once.
    out: list[str] = []
    end = _write_resource(decode_json(raw), DECLARATION, out, f' xmlns="{FHIR}"')
    out[1::2] = _escape(out[1::2])
    out.append(end)
    return "".join(out).encode()


def _escape(values: list[str]) -> list[str]:
    text = _BETWEEN.join(values)
    if not values or not (_SPECIAL.search(text) or text.count(_BETWEEN) != len(values) - 1):
        return values
    if _NEVER.search(text) or text.count(_BETWEEN) != len(values) - 1:
        raise Unwritable("a text has a control character, which XML cannot carry")
    for character, escaped in _ESCAPES:
        text = text.replace(character, escaped)
    return text.split(_BETWEEN)


def _write_resource(resource: Any, mark: str, out: list[str], attributes: str = "") -> str:
    """Appends markup and values; takes the markup that comes before, returns the markup that comes after."""
    shape = resource_shape(resource.get("resourceType")) if type(resource) is dict else None
    if shape is None:
        raise Unwritable("a resource has a type of R4")
    body = {key: value for key, value in resource.items() if key != "resourceType"}
    mark = f"{mark}<{shape.name}{attributes}>"
    return f"{_write_children(body, shape, mark, out)}</{shape.name}>"


def _write_children(value: Resource, shape: Shape, mark: str, out: list[str]) -> str:
    slots = shape.slots
    ranks: list[Any] = list(map(shape.ranks.get, value))
    if None in ranks:
        return _write_with_siblings(value, shape, mark, out)
    if ranks != sorted(ranks):  # JSON has no order; XML has that of the definition
        value = {key: value[key] for key in sorted(value, key=shape.ranks.__getitem__)}
    for key, item in value.items():
        slot = slots[key]
        kind, _, _, is_list, _, _, _ = slot
        if is_list:
            if type(item) is not list:
                raise Unwritable(f"{shape.name}.{key} is a list")
            write = _WRITE[kind]
            for one in item:
                mark = write(one, slot, mark, out)
        elif kind == STRING and type(item) is str:
            out.append(f'{mark}<{key} value="')
            out.append(item)
            mark = '"/>'
        else:
            mark = _WRITE[kind](item, slot, mark, out)
    return mark


def _write_complex(value: Any, slot: Slot, mark: str, out: list[str]) -> str:
    if type(value) is not dict:
        raise Unwritable(f"{slot.key} is an object")
    shape = slot.shape or primitive_shape()
    mark = f"{mark}<{slot.key}"
    if not shape.attributes.isdisjoint(value):
        mark = _write_attributes(value, shape.attributes, mark, out)
        value = {key: item for key, item in value.items() if key not in shape.attributes}
    return f"{_write_children(value, shape, f'{mark}>', out)}</{slot.key}>"


def _write_attributes(value: Resource, names: frozenset[str], mark: str, out: list[str]) -> str:
    for name in sorted(names & value.keys()):
        if type(value[name]) is not str:
            raise Unwritable(f"{name} is a string")
        out.append(f'{mark} {name}="')
        out.append(value[name])
        mark = '"'
    return mark


def _write_with_siblings(value: Resource, shape: Shape, mark: str, out: list[str]) -> str:
    """Puts primitives together with what stands beside them, and what is written into its order."""
    slots: dict[str, Slot] = {}
    for key in value:
        name = key.removeprefix("_")
        slot = shape.slots.get(name)
        if slot is None or (name != key and slot.kind not in _SPELL):
            raise Unwritable(f"{shape.name}.{key} is no element")
        slots[name] = slot
    for name, slot in sorted(slots.items(), key=lambda pair: pair[1].rank):
        if f"_{name}" in value:
            for one, sibling in _pairs(value.get(name), value[f"_{name}"], slot):
                mark = _write_pair(one, sibling, slot, mark, out)
        else:
            mark = _write_children({name: value[name]}, shape, mark, out)
    return mark


def _pairs(value: Any, siblings: Any, slot: Slot) -> list[tuple[Any, Any]]:
    if not slot.is_list:
        return [(value, siblings)]
    values = [] if value is None else value
    if type(values) is not list or type(siblings) is not list:
        raise Unwritable(f"{slot.key} is a list")
    length = max(len(values), len(siblings))
    padded = [[*row, *[None] * (length - len(row))] for row in (values, siblings)]
    return list(zip(*padded, strict=True))


def _write_pair(value: Any, sibling: Any, slot: Slot, mark: str, out: list[str]) -> str:
    """Writes a primitive with its id and extensions. https://hl7.org/fhir/R4/json.html#primitive"""
    if type(sibling) is not dict and sibling is not None:
        raise Unwritable(f"_{slot.key} is an object")
    if value is None and not sibling:
        raise Unwritable(f"{slot.key} has neither a value nor an extension")
    shape = primitive_shape()
    parts = sibling or {}
    mark = _write_attributes(parts, shape.attributes, f"{mark}<{slot.key}", out)
    if value is not None:
        out.append(f'{mark} value="')
        out.append(_spell(value, slot))
        mark = '"'
    children = {key: item for key, item in parts.items() if key not in shape.attributes}
    if not children:
        return f"{mark}/>"
    return f"{_write_children(children, shape, f'{mark}>', out)}</{slot.key}>"


def _write_primitive(value: Any, slot: Slot, mark: str, out: list[str]) -> str:
    out.append(f'{mark}<{slot.key} value="')
    out.append(_spell(value, slot))
    return '"/>'


def _spell(value: Any, slot: Slot) -> str:
    spell = _SPELL[slot.kind].get(type(value))
    if spell is None:
        raise Unwritable(f"{slot.key} has a value of another type")
    return spell(value)


def _write_narrative(value: Any, _slot: Slot, mark: str, _out: list[str]) -> str:
    markup = narrative_markup(value) if type(value) is str else None
    if markup is None:
        raise Unwritable("the <div> of a narrative is not well-formed XHTML")
    return mark + markup


def _write_contained(value: Any, slot: Slot, mark: str, out: list[str]) -> str:
    return f"{_write_resource(value, f'{mark}<{slot.key}>', out)}</{slot.key}>"


_SPELL: dict[int, dict[type, Callable[[Any], str]]] = {
    STRING: {str: str},
    BOOLEAN: {bool: lambda value: "true" if value else "false"},
    NUMBER: {int: str, Decimal: str, SpelledDecimal: lambda value: str(value.spelling)},
}

_WRITE: dict[int, Callable[[Any, Slot, str, list[str]], str]] = {
    STRING: _write_primitive,
    BOOLEAN: _write_primitive,
    NUMBER: _write_primitive,
    COMPLEX: _write_complex,
    RESOURCE: _write_contained,
    NARRATIVE: _write_narrative,
}
