"""The elements of a StructureDefinition as a tree: children and slices in place of a flat list with ids.

https://hl7.org/fhir/R4/elementdefinition.html#id, https://hl7.org/fhir/R4/profiling.html#slicing
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fhir_server.errors import Invalid
from fhir_server.fhir import Resource

MAX_ELEMENTS = 20_000
"""Elements of one StructureDefinition: the largest of R4 has 300."""


class ProfileError(Invalid):
    """A StructureDefinition that cannot be used: it contradicts itself, or what it builds on is not known."""


class Segment(NamedTuple):
    """One step of an element id: component:systolic."""

    name: str
    slice: str


@dataclass(slots=True)
class ElementNode:
    """An element, or a slice of one."""

    name: str
    """Last step of the path: component, value[x]; the type for the root."""
    facts: dict[str, Any]
    """The ElementDefinition."""
    slice: str = ""
    children: dict[str, ElementNode] = field(default_factory=dict)
    slices: dict[str, ElementNode] = field(default_factory=dict)

    def copy(self) -> ElementNode:
        """Returns an independent copy; the facts are copied when they change."""
        return ElementNode(
            self.name,
            self.facts,
            self.slice,
            {name: child.copy() for name, child in self.children.items()},
            {name: one.copy() for name, one in self.slices.items()},
        )

    def child(self, name: str) -> ElementNode | None:
        """Returns a child by its name; a choice also without [x]."""
        return self.children.get(name) or self.children.get(f"{name}[x]")

    def flat(self, path: str = "", id_: str = "") -> Iterator[dict[str, Any]]:
        """Yields the elements as a snapshot lists them."""
        path = f"{path}.{self.name}" if path else self.name
        id_ = f"{id_}.{self.name}" if id_ else self.name
        facts = {key: value for key, value in self.facts.items() if key != "choices"}
        yield {**facts, "id": id_, "path": path}
        yield from self._flat_children(path, id_)
        for name, one in self.slices.items():
            slice_id = f"{id_}:{name}"
            yield {**one.facts, "id": slice_id, "path": path, "sliceName": name}
            yield from one._flat_children(path, slice_id)

    def _flat_children(self, path: str, id_: str) -> Iterator[dict[str, Any]]:
        for child in self.children.values():
            yield from child.flat(path, id_)


def elements_of(definition: Resource, view: str) -> list[dict[str, Any]]:
    """Returns the elements of the snapshot or differential; refuses what is no list of elements."""
    holder = definition.get(view)
    elements = holder.get("element") if isinstance(holder, dict) else None
    if elements is None:
        return []
    if not isinstance(elements, list) or len(elements) > MAX_ELEMENTS:
        raise ProfileError(f"its {view} is no list of at most {MAX_ELEMENTS} elements")
    for element in elements:
        if not isinstance(element, dict) or not isinstance(element.get("path"), str):
            raise ProfileError(f"an element of its {view} has no path")
    return elements


def segments_of(element: dict[str, Any]) -> list[Segment]:
    """Returns the steps to an element: by its id, else by its path and sliceName."""
    id_ = element.get("id")
    path = str(element["path"])
    if isinstance(id_, str) and id_.count(".") == path.count("."):
        found = [Segment(*_split(step)) for step in id_.split(".")]
        names = path.split(".")
        if all(s.name == n for s, n in zip(found[1:], names[1:], strict=True)):
            return found
    steps = [Segment(name, "") for name in path.split(".")]
    if isinstance(element.get("sliceName"), str):
        steps[-1] = Segment(steps[-1].name, element["sliceName"])
    return steps


def _split(step: str) -> tuple[str, str]:
    name, _, slice_ = step.partition(":")
    return name, slice_


def parse_snapshot(elements: list[dict[str, Any]]) -> ElementNode:
    """Builds the tree of a snapshot."""
    if not elements:
        raise ProfileError("it has no elements")
    root = ElementNode(str(elements[0]["path"]), elements[0])
    for element in elements[1:]:
        steps = segments_of(element)[1:]
        node: ElementNode | None = root
        for step in steps[:-1]:
            node = node.children.get(step.name) if node is not None else None
            if node is not None and step.slice:
                node = node.slices.get(step.slice)
        if node is None or not steps:
            raise ProfileError(f"element {str(element.get('id'))[:128]} of its snapshot has no parent")
        last = steps[-1]
        if not last.slice:
            node.children[last.name] = ElementNode(last.name, element)
        elif last.name in node.children:
            node.children[last.name].slices[last.slice] = ElementNode(last.name, element, last.slice)
        else:
            raise ProfileError(f"slice {last.slice[:128]} of its snapshot has no element")
    return root
