"""Walk a resource with the element model: paths, value[x], primitive extensions, contained resources, links.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/http.html#trules

This floor lies below the definitions: functions are handed `Definitions.structure_or_none`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape, unescape
from typing import Any, NamedTuple, Protocol

from fhir_server.fhir import Resource

Path = tuple[str | int, ...]
"""JSON path of a value: ("name", 0, "given", 1)."""


class Shape(Protocol):
    """What a walk needs of a Structure."""

    @property
    def is_primitive(self) -> bool: ...

    @property
    def keys(self) -> Mapping[str, tuple[Any, str]]: ...


FindShape = Callable[[str], Shape | None]
"""Structure name → structure, None when there is none: `Definitions.structure_or_none`."""

Replace = Callable[[str], str | None]
"""Link → what stands in its place, None to keep it."""


class Node(NamedTuple):
    """One value of a resource."""

    path: Path
    type: str
    """Structure name: HumanName, string, Patient.contact, or the type of a nested resource."""
    value: Any
    """None for a primitive that has only an id or extensions."""
    sibling: dict[str, Any] | None = None
    """Id and extensions of a primitive, from its `_` property."""


class Reference(NamedTuple):
    """A literal reference: the Reference that holds it, and where."""

    path: Path
    """Of the Reference, without its "reference" property."""
    holder: dict[str, Any]
    literal: str


def walk(resource: Resource, find: FindShape) -> Iterator[Node]:
    """Yields every value of a resource in document order, the resource itself first.

    Properties that the definitions do not know are left out; a walk over an invalid resource is safe.
    """
    stack = [Node((), _type_of(resource), resource)]
    while stack:
        node = stack.pop()
        yield node
        shape = find(node.type)
        if shape is None:
            continue
        if not shape.is_primitive:
            stack += reversed(_children(node.value, shape, node.path))
        elif node.sibling is not None and (element := find("Element")) is not None:
            stack += reversed(_children(node.sibling, element, _beside(node.path)))


def references(resource: Resource, find: FindShape) -> Iterator[Reference]:
    """Yields the literal references of a resource, those of contained and nested resources too."""
    for node in walk(resource, find):
        if node.type == "Reference" and isinstance(node.value, dict):
            literal = node.value.get("reference")
            if isinstance(literal, str):
                yield Reference(node.path, node.value, literal)


def rewrite_links(resource: Resource, replace: Replace, find: FindShape) -> Resource:
    """Returns the resource with its links replaced; the one given stays as it is and shares what is equal.

    Links are literal references, elements of type uri, url, oid and uuid, and href and src in narratives;
    canonicals are not: https://hl7.org/fhir/R4/http.html#trules
    """
    rewritten: Resource = _rewrite(resource, _type_of(resource), replace, find)
    return rewritten


def format_expression(resource: Resource, path: Path, find: FindShape) -> str:
    """Returns the FHIRPath of a JSON path: Observation.value.ofType(Quantity), Patient.name[0].given[1]."""
    type_ = _type_of(resource)
    steps = [type_]
    value: Any = resource
    for step in path:
        value = _step(value, step)
        if isinstance(step, int):
            steps.append(f"[{step}]")
            type_ = _type_of(value) if type_ in _NESTED else type_
            continue
        shape = find(type_)
        element, type_ = (shape.keys if shape else {}).get(step.removeprefix("_"), (None, ""))
        choice = element is not None and element.name.endswith("[x]")
        steps.append(f".{element.name[:-3]}.ofType({type_})" if choice else f".{step.removeprefix('_')}")
        if step.startswith("_"):
            type_ = "Element"
        elif type_ in _NESTED and isinstance(value, dict):
            type_ = _type_of(value)
    return "".join(steps)


_NESTED = frozenset({"Resource", "DomainResource"})
_LINK_TYPES = frozenset({"uri", "url", "oid", "uuid"})
# Neither "<" nor the closing quote may stand in an attribute, which keeps both expressions linear.
_TAG = re.compile(r"""<(?:a|img)\b(?:[^<>"']|"[^"<]*"|'[^'<]*')*+>""")
_LINK = re.compile(r"""(\s(?:href|src)\s*=\s*)("[^"<]*"|'[^'<]*')""")


def _type_of(resource: Any) -> str:
    type_ = resource.get("resourceType") if isinstance(resource, dict) else None
    return type_ if isinstance(type_, str) else ""


def _step(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else None
    return value.get(step) if isinstance(value, dict) else None


def _beside(path: Path) -> Path:
    """Returns the path of the `_` property: ("name", 0, "_given", 1) for ("name", 0, "given", 1)."""
    at = -1 if isinstance(path[-1], str) else -2
    return (*path[:at], f"_{path[at]}", *path[len(path) + at + 1 :])


def _children(holder: Any, shape: Shape, path: Path) -> list[Node]:
    nodes: list[Node] = []
    if not isinstance(holder, dict):
        return nodes
    for key, item in holder.items():
        name = key.removeprefix("_")
        if name not in shape.keys or (name != key and name in holder):
            continue
        type_ = shape.keys[name][1]
        value = item if name == key else None
        nodes += _occurrences(value, holder.get("_" + name), type_, (*path, name))
    return nodes


def _occurrences(value: Any, sibling: Any, type_: str, path: Path) -> list[Node]:
    """Returns the one value of a property, or those of its two arrays side by side."""
    if not isinstance(value, list) and not isinstance(sibling, list):
        return [_node(path, type_, value, sibling)]
    values = value if isinstance(value, list) else []
    siblings = sibling if isinstance(sibling, list) else []
    count = max(len(values), len(siblings))
    return [
        _node(
            (*path, i),
            type_,
            values[i] if i < len(values) else None,
            siblings[i] if i < len(siblings) else None,
        )
        for i in range(count)
    ]


def _node(path: Path, type_: str, value: Any, sibling: Any) -> Node:
    return Node(
        path,
        _type_of(value) if type_ in _NESTED else type_,
        value,
        sibling if isinstance(sibling, dict) else None,
    )


def _rewrite(value: Any, type_: str, replace: Replace, find: FindShape) -> Any:
    if isinstance(value, list):
        items = [_rewrite(item, type_, replace, find) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if isinstance(value, str):
        return _rewrite_text(value, type_, replace)
    if not isinstance(value, dict):
        return value
    shape = find(_type_of(value) if type_ in _NESTED else type_)
    if shape is None:
        return value
    changed: dict[str, Any] = {}
    for key, item in value.items():
        below = _type_below(key, type_, shape)
        rewritten = _rewrite(item, below, replace, find) if below else item
        if rewritten is not item:
            changed[key] = rewritten
    return value | changed if changed else value


def _type_below(key: str, type_: str, shape: Shape) -> str:
    if type_ == "Reference" and key == "reference":
        return "uri"
    if key.startswith("_"):
        return "Element" if key[1:] in shape.keys else ""
    return shape.keys[key][1] if key in shape.keys else ""


def _rewrite_text(value: str, type_: str, replace: Replace) -> str:
    if type_ in _LINK_TYPES:
        found = replace(value)
        return value if found is None else found
    if type_ == "xhtml":
        text = _TAG.sub(lambda tag: _LINK.sub(lambda link: _rewrite_attribute(link, replace), tag[0]), value)
        return value if text == value else text
    return value


def _rewrite_attribute(link: re.Match[str], replace: Replace) -> str:
    found = replace(unescape(link[2][1:-1]))
    return link[0] if found is None else f'{link[1]}"{escape(found)}"'
