"""Where in a resource the items of an expression are: their place in its JSON. https://hl7.org/fhir/R4/json.html"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir import Resource
from fhir_server.fhirpath.evaluate import (
    Environment,
    FhirPathError,
    FhirPathTooCostly,
    Node,
    compile_uncached,
)
from fhir_server.fhirpath.navigate import resource_type_of

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """An element of a resource."""

    parent: Path
    """Keys and indexes from the root to the JSON object that holds the element."""
    key: str
    """Its JSON key: name, valueQuantity; "" of the resource itself."""
    at: int
    """Its place in the list, 0 where there is none."""
    type: str
    owner: str
    """The structure whose element it is: Patient, Patient.contact, HumanName."""


ROOT_KEY = ""


def locate(resource: Resource, expression: str, environment: Environment | None = None) -> list[Place]:
    """Returns the places of the items an expression selects; FhirPathError where an item is no element.

    A primitive has no identity in JSON. So the expression is evaluated on a copy in which each primitive has
    a sibling (`_birthDate`) of its own: the identity of the sibling tells which primitive was selected.
    """
    type_name = resource_type_of(resource)
    tracer = _Tracer()
    try:
        traced = tracer.copy(resource, type_name, ())
    except RecursionError:
        raise FhirPathTooCostly("The resource is nested too deep") from None
    tracer.places[id(traced)] = Place((), ROOT_KEY, 0, type_name, "")
    found: list[Place] = []
    for node in compile_uncached(expression, type_name).evaluate(traced, environment):
        place = tracer.place_of(node)
        if place is None:
            raise FhirPathError(f"{expression} does not select elements of the resource")
        found.append(place)
    return found


class _Tracer:
    """Copies a resource and remembers where each of its objects came from."""

    def __init__(self) -> None:
        self.places: dict[int, Place] = {}

    def place_of(self, node: Node) -> Place | None:
        value = node.value
        return self.places.get(id(value if isinstance(value, dict) else node.element))

    def copy(self, source: dict[str, Any], owner: str, parent: Path) -> dict[str, Any]:
        structure = load_definitions().structure_or_none(owner)
        keys = structure.keys if structure is not None else {}
        copied: dict[str, Any] = {}
        for key in dict.fromkeys(name.removeprefix("_") for name in source):
            known = keys.get(key)
            if known is None:
                copied.update({name: source[name] for name in (key, f"_{key}") if name in source})
                continue
            copied.update(self._element(source, key, Place(parent, key, 0, known[1], owner)))
        return copied

    def _element(self, source: dict[str, Any], key: str, place: Place) -> Iterator[tuple[str, Any]]:
        target = load_definitions().structure_or_none(place.type)
        primitive = target is not None and target.is_primitive
        listed = isinstance(source.get(key, source.get(f"_{key}")), list)
        values: list[Any] = []
        siblings: list[Any] = []
        for index, (value, sibling) in enumerate(read_pairs(source, key)):
            here = place._replace(at=index)
            path: Path = (*place.parent, f"_{key}" if primitive else key, *((index,) if listed else ()))
            values.append(value if primitive else self._complex(value, path, here))
            siblings.append(self._sibling(value, sibling, path, here) if primitive else sibling)
        for name, column in ((key, values), (f"_{key}", siblings)):
            if any(item is not None for item in column):
                yield name, column if listed else column[0]

    def _sibling(self, value: Any, sibling: Any, path: Path, place: Place) -> Any:
        if value is None and not isinstance(sibling, dict):
            return None
        copied = self.copy(sibling, "Element", path) if isinstance(sibling, dict) else {}
        self.places[id(copied)] = place
        return copied

    def _complex(self, value: Any, path: Path, place: Place) -> Any:
        if not isinstance(value, dict):
            return value
        type_name = place.type
        if type_name in ("Resource", "DomainResource"):
            type_name = resource_type_of(value)
        copied = self.copy(value, type_name, path)
        self.places[id(copied)] = place._replace(type=type_name)
        return copied


Pair = tuple[Any, Any]
"""The value of an element and, of a primitive, its `_` sibling."""


def read_pairs(parent: dict[str, Any], key: str) -> list[Pair]:
    """Returns the repetitions of an element, each with its sibling."""
    value, sibling = parent.get(key), parent.get(f"_{key}")
    values = value if isinstance(value, list) else [] if value is None else [value]
    siblings = sibling if isinstance(sibling, list) else [] if sibling is None else [sibling]
    count = max(len(values), len(siblings))
    values = [*values, *[None] * (count - len(values))]
    siblings = [*siblings, *[None] * (count - len(siblings))]
    return list(zip(values, siblings, strict=True))


def write_pairs(parent: dict[str, Any], key: str, pairs: list[Pair], *, listed: bool) -> None:
    """Writes the repetitions of an element; without any, it is gone."""
    for name, column in ((key, [p[0] for p in pairs]), (f"_{key}", [p[1] for p in pairs])):
        if all(item is None for item in column):
            parent.pop(name, None)
        else:
            parent[name] = column if listed else column[0]


def object_at(resource: Resource, path: Path) -> dict[str, Any]:
    """Returns the JSON object at a path; the sibling of a primitive is made when it is not there yet."""
    current: Any = resource
    for position, step in enumerate(path):
        if isinstance(step, str) and step.startswith("_"):
            _make_siblings(current, step, path[position + 1 : position + 2])
        current = current[step]
    found: dict[str, Any] = current
    return found


def _make_siblings(parent: dict[str, Any], name: str, index: Path) -> None:
    if not index or not isinstance(index[0], int):
        parent.setdefault(name, {})
        return
    siblings = parent.setdefault(name, [])
    count = max(index[0] + 1, len(parent.get(name[1:], ())))
    siblings.extend([None] * (count - len(siblings)))
    if siblings[index[0]] is None:
        siblings[index[0]] = {}
