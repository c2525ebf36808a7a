"""Ways to break the structure of any resource: cardinalities, keys, JSON types, choices, empty things.

https://hl7.org/fhir/R4/validation.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_server.definitions.registry import load_definitions
from tests.conformance.validation.positions import (
    Place,
    Resource,
    changed,
    get,
    inserted,
    places,
    removed,
    written,
)

Way = tuple[str, Resource]
"""What was done, and the resource after it."""


_INCOMPLETE: tuple[Resource, ...] = (
    {"valueAnnotation": {"time": "2024-01-01"}},
    {"valueSignature": {"when": "2024-01-01T00:00:00Z"}},
    {"valueExpression": {"expression": "x"}},
    {"valueRelatedArtifact": {"label": "x"}},
    {"valueDataRequirement": {"mustSupport": ["x"]}},
)
_ENOUGH = 5


def too_few(resource: Resource) -> Iterator[Way]:
    """Required elements are missing; in types that require little, those of an extension too."""
    found = 0
    for place in _whole(resource):
        if place.element.min and len(places_of(resource, place)) <= place.element.min:
            path = (*place.holder, place.key)
            if len(get(resource, place.holder)) > 1:
                found += 1
                yield f"{written(path)} is missing", removed(resource, path)
    for value in _INCOMPLETE[: max(_ENOUGH - found, 0)]:
        extension = {"url": "http://example.org/x", **value}
        yield f"an extension with {value}", inserted(resource, (), extension=[extension])


def places_of(resource: Resource, place: Place) -> list[Any]:
    value = get(resource, (*place.holder, place.key))
    return value if isinstance(value, list) else [value]


def too_many(resource: Resource) -> Iterator[Way]:
    """A list stands where one value is allowed, or one value where a list is."""
    for place in _whole(resource):
        path = (*place.holder, place.key)
        if place.key == "resourceType":
            continue
        if place.element.is_list:
            yield f"{written(path)} is no list", changed(resource, path, place.value)
        else:
            yield f"{written(path)} is a list", changed(resource, path, [place.value, place.value])
            yield f"{written(path)} is a list of one", changed(resource, path, [place.value])


def unknown_element(resource: Resource) -> Iterator[Way]:
    """Keys that the definition does not have."""
    yield "unknown key", inserted(resource, (), unknownElement="x")
    yield "comments", inserted(resource, (), fhir_comments=["x"])
    yield "unknown sibling", inserted(resource, (), _unknown={"id": "x"})
    for place in places(resource):
        if isinstance(place.value, dict):
            yield f"unknown key in {written(place.path)}", inserted(resource, place.path, colour="x")
        elif place.key not in ("url", "id", "div"):
            holder = get(resource, place.holder)
            renamed = {key + "s" if key == place.key else key: value for key, value in holder.items()}
            yield f"{written(place.path)} misspelt", changed(resource, place.holder, renamed)
            upper = {key.capitalize() if key == place.key else key: v for key, v in holder.items()}
            yield f"{written(place.path)} with a capital", changed(resource, place.holder, upper)


_OTHERS: dict[type, tuple[Any, ...]] = {
    str: (5, True, {"value": "x"}),
    bool: ("true", 1, {"value": True}),
    int: ("1", True, {"value": 1}),
    float: ("1.5", True),
    dict: ("x", 5, False),
}


def wrong_json_type(resource: Resource) -> Iterator[Way]:
    """A string where a number belongs, an object where a string belongs …"""
    for place in places(resource):
        for other in _OTHERS[type(place.value)]:
            yield f"{written(place.path)} becomes {other!r}", changed(resource, place.path, other)


def empty(resource: Resource) -> Iterator[Way]:
    """Empty strings, objects and lists, and nulls."""
    for place in places(resource):
        path = (*place.holder, place.key)
        if isinstance(place.value, dict):
            yield f"{written(place.path)} is empty", changed(resource, place.path, {})
            yield f"{written(place.path)} has an id only", changed(resource, place.path, {"id": "x"})
        elif isinstance(place.value, str):
            yield f"{written(place.path)} is an empty string", changed(resource, place.path, "")
            yield f"{written(place.path)} is blank", changed(resource, place.path, "  ")
        if place.element.is_list:
            yield f"{written(path)} is an empty list", changed(resource, path, [])
            yield f"{written(path)} is a list of null", changed(resource, path, [None])
        else:
            yield f"{written(path)} is null", changed(resource, path, None)


def choice_twice(resource: Resource) -> Iterator[Way]:
    """Two types of one choice, or one that the choice does not have."""
    definitions = load_definitions()
    for place in places(resource):
        if not place.element.is_choice:
            continue
        stem = place.element.name.removesuffix("[x]")
        structure = definitions.structure(place.owner)
        for key, (element, type_) in structure.keys.items():
            if element.name == place.element.name and key != place.key and type_ in _VALUES:
                more = {key: _VALUES[type_]}
                yield f"{written(place.path)} beside {key}", inserted(resource, place.holder, **more)
        if f"{stem}Identifier" not in structure.keys:
            other = inserted(
                removed(resource, place.path), place.holder, **{f"{stem}Identifier": {"value": "x"}}
            )
            yield f"{written(place.path)} as Identifier", other
        bare = inserted(removed(resource, place.path), place.holder, **{stem: place.value})
        yield f"{written(place.path)} without its type", bare


_VALUES: dict[str, Any] = {
    "boolean": True,
    "string": "x",
    "integer": 1,
    "dateTime": "2024-01-01",
    "date": "2024-01-01",
    "Period": {"start": "2024-01-01"},
    "CodeableConcept": {"text": "x"},
    "Quantity": {"value": 1},
    "Reference": {"display": "x"},
    "uri": "http://example.org/x",
}


def _whole(resource: Resource) -> Iterator[Place]:
    """Each key once, by its first value."""
    for place in places(resource):
        if not isinstance(place.path[-1], int) or place.path[-1] == 0:
            yield place
