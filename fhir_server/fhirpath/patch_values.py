"""The value of a patch operation as the JSON of an element. https://hl7.org/fhir/R4/fhirpatch.html#concept"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from fhir_server.definitions.registry import Element, Structure, load_definitions
from fhir_server.errors import Invalid, Unprocessable
from fhir_server.fhirpath.locate import Pair, read_pairs, write_pairs
from fhir_server.fhirpath.patch_parts import Part
from fhir_server.fhirpath.types import KINDS, ancestors

_MAX_DEPTH = 50
# JSON writes these kinds alike: a code may be given as valueString, a date as valueDate or valueString.
_WRITTEN = {"Date": "String", "DateTime": "String", "Time": "String"}


class Target(NamedTuple):
    """An element to be written."""

    element: Element
    key: str
    pair: Pair


def structure_of(type_name: str) -> Structure:
    """Returns the structure of a type; Unprocessable when it has no elements to be changed."""
    structure = load_definitions().structure_or_none(type_name)
    if structure is None:
        raise Unprocessable(f"{type_name} has no elements")
    return structure


def target_of(owner: str, name: str, part: Part, depth: int = 0) -> Target:
    """Returns element, JSON key and content for a value to be written as element `name` of a structure."""
    if depth > _MAX_DEPTH:
        raise Invalid("The value is nested too deep")
    structure = structure_of(owner)
    element = structure.elements.get(name) or structure.elements.get(f"{name}[x]")
    if element is None or (structure.is_primitive and name == "value"):
        raise Unprocessable(f"{owner} has no element {name}")
    if "part" in part:
        return Target(element, name, (_of_parts(structure, element, part, depth), None))
    if "resource" in part:
        return Target(element, name, (_of_resource(owner, element, part["resource"]), None))
    type_name, pair = _typed_value(part)
    return Target(element, _key(structure, element, type_name), pair)


def _of_parts(structure: Structure, element: Element, part: Part, depth: int) -> dict[str, Any]:
    if element.is_choice:
        raise Invalid(f"The type of {element.name} must be told by value[x], not by parts")
    type_name = structure.keys[element.name][1]
    parts = part["part"]
    if structure_of(type_name).is_primitive or not isinstance(parts, list) or not parts:
        raise Unprocessable(f"{element.name} is not made of parts")
    content: dict[str, Any] = {}
    for child in parts:
        if not isinstance(child, dict) or not isinstance(child.get("name"), str):
            raise Invalid("A part of a value needs a name")
        append(content, target_of(type_name, child["name"], child, depth + 1))
    return content


def append(parent: dict[str, Any], target: Target) -> None:
    """Adds an element to an object; Unprocessable when it does not repeat and is there."""
    element = target.element
    pairs = read_pairs(parent, target.key)
    if not element.is_list and (pairs or _has_choice(parent, element)):
        raise Unprocessable(f"{element.name} does not repeat and is there already")
    write_pairs(parent, target.key, [*pairs, target.pair], listed=element.is_list)


def _has_choice(parent: dict[str, Any], element: Element) -> bool:
    return element.is_choice and any(key in parent for key in choice_keys(element))


def choice_keys(element: Element) -> list[str]:
    """Returns the JSON keys of a choice, those of primitive siblings included."""
    stem = element.name[:-3]
    keys = [stem + type_[0].upper() + type_[1:] for type_ in element.types]
    return [*keys, *(f"_{key}" for key in keys)]


def _of_resource(owner: str, element: Element, resource: Any) -> dict[str, Any]:
    if "Resource" not in element.types:
        raise Unprocessable(f"{owner}.{element.name} is no resource")
    if not isinstance(resource, dict) or not load_definitions().is_resource_type(
        resource.get("resourceType")
    ):
        raise Invalid("The value is no resource")
    return copy.deepcopy(resource)


def _typed_value(part: Part) -> tuple[str, Pair]:
    keys = {key.removeprefix("_") for key in part if key.removeprefix("_").startswith("value")}
    if len(keys) != 1:
        raise Invalid("The value of the operation needs exactly one value[x], or parts")
    key = keys.pop()
    known = structure_of("Parameters.parameter").keys.get(key)
    if known is None:
        raise Invalid(f"{key} is no value[x]")
    return known[1], (copy.deepcopy(part.get(key)), copy.deepcopy(part.get(f"_{key}")))


def _key(structure: Structure, element: Element, type_name: str) -> str:
    if element.is_choice:
        key = f"{element.name[:-3]}{type_name[0].upper()}{type_name[1:]}"
        if structure.keys.get(key, (None,))[0] is not element:
            raise Unprocessable(f"{element.name} cannot be a {type_name}")
        return key
    wanted = structure.keys[element.name][1]
    if not _fits(type_name, wanted):
        raise Unprocessable(f"{element.name} is a {wanted}, not a {type_name}")
    return element.name


def _fits(given: str, wanted: str) -> bool:
    if given == wanted or wanted in ancestors(given) or given in ancestors(wanted) - {"Element"}:
        return True
    kinds = [_WRITTEN.get(kind, kind) for kind in (KINDS.get(given), KINDS.get(wanted)) if kind]
    if len(kinds) < 2 or "Quantity" in kinds:
        return False
    return kinds[0] == kinds[1] or kinds == ["Integer", "Decimal"]
