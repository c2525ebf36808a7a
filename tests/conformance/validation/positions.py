"""Where the elements of a resource stand, and how a copy of it is changed at one of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fhir_server.definitions.registry import Definitions, Element, load_definitions

Resource = dict[str, Any]
Path = tuple[str | int, ...]
"""("name", 0, "given", 1): keys and indexes from the resource inwards."""


@dataclass(frozen=True, slots=True)
class Place:
    """One value of a resource with its definition."""

    path: Path
    element: Element
    type: str
    """Structure of the value: string, Quantity, Patient.contact."""
    value: Any
    owner: str
    """Structure of the object that holds it."""

    @property
    def key(self) -> str:
        return next(part for part in reversed(self.path) if isinstance(part, str))

    @property
    def holder(self) -> Path:
        """Path of the object that holds the key."""
        return self.path[:-2] if isinstance(self.path[-1], int) else self.path[:-1]


def places(resource: Resource) -> list[Place]:
    """Returns every value of a resource, list items one by one, outermost first."""
    found: list[Place] = []
    _visit(resource, str(resource["resourceType"]), (), load_definitions(), found)
    return found


def _visit(value: Resource, name: str, path: Path, definitions: Definitions, found: list[Place]) -> None:
    structure = definitions.structure(name)
    for key, child in value.items():
        if key not in structure.keys:
            continue
        element, type_ = structure.keys[key]
        for step, item in _items(child):
            place = Place((*path, key, *step), element, type_, item, name)
            found.append(place)
            if isinstance(item, dict):
                inner = str(item.get("resourceType")) if type_ == "Resource" else type_
                _visit(item, inner, place.path, definitions, found)


def _items(child: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(child, list):
        yield from (((index,), item) for index, item in enumerate(child))
    else:
        yield (), child


def get(resource: Any, path: Path) -> Any:
    """Returns the value at a path."""
    for part in path:
        resource = resource[part]
    return resource


def changed(resource: Resource, path: Path, value: Any) -> Resource:
    """Returns a copy with another value at a path; its last key may be new."""
    if not path:
        return copy.deepcopy(value)  # type: ignore[no-any-return]
    twin = copy.deepcopy(resource)
    get(twin, path[:-1])[path[-1]] = copy.deepcopy(value)
    return twin


def removed(resource: Resource, path: Path) -> Resource:
    """Returns a copy without the value at a path; a list that becomes empty goes with it."""
    twin = copy.deepcopy(resource)
    holder = get(twin, path[:-1])
    del holder[path[-1]]
    if holder == [] and len(path) > 1:
        return removed(twin, path[:-1])
    return twin


def inserted(resource: Resource, path: Path, **more: Any) -> Resource:
    """Returns a copy with more keys in the object at a path."""
    return changed(resource, path, {**get(resource, path), **more})


def written(path: Path) -> str:
    """name[0].given[1]"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]
