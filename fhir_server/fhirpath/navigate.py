"""From items to their child elements, by the element model. http://hl7.org/fhirpath/N1/#path-selection"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache, lru_cache
from itertools import zip_longest
from typing import Any, NamedTuple

from fhir_server.definitions.registry import Structure, load_definitions
from fhir_server.fhir.json import SpelledDecimal
from fhir_server.fhirpath.node import Collection, Node, State, Step, make_node
from fhir_server.fhirpath.types import TypeTest

TYPE_INFO = "System.TypeInfo"
"""What type() yields: the namespace and name of a type."""
_SCALARS = frozenset((str, int, Decimal, SpelledDecimal, bool))


class Child(NamedTuple):
    """How an element is found in the JSON of its parent."""

    collect: Callable[[dict[str, Any], Child, Collection], None]
    """Appends the element, all its repetitions, to a collection."""
    key: str
    type: str
    sibling: str
    """`_key` of a primitive, "" of other types."""
    choice: dict[str, Child] | None
    """JSON key → its own Child, for a choice (value[x])."""


@lru_cache(maxsize=20_000)
def child_named(type_name: str, name: str) -> Child | None:
    """Returns the child `name` of a type, None when the type has none."""
    if type_name == TYPE_INFO and name in ("namespace", "name"):
        return Child(_collect_primitive, name, "System.String", f"_{name}", None)
    structure = load_definitions().structure_or_none(type_name)
    if structure is None or (structure.is_primitive and name == "value"):
        return None
    if name in structure.elements:
        return _child(structure, name)
    element = structure.elements.get(f"{name}[x]")
    if element is None:
        return None
    choice: dict[str, Child] = {}
    for key, (owner, _) in structure.keys.items():
        if owner is element:
            choice[key] = child = _child(structure, key)
            if child.sibling:
                choice[child.sibling] = child
    return Child(_collect_choice, name, "", "", choice)


def _child(structure: Structure, key: str) -> Child:
    type_name = structure.keys[key][1]
    target = load_definitions().structure_or_none(type_name)
    if target is not None and target.is_primitive:
        return Child(_collect_primitive, key, type_name, f"_{key}", None)
    collect = _collect_resource if type_name in ("Resource", "DomainResource") else _collect_complex
    return Child(collect, key, type_name, "", None)


def resource_type_of(resource: dict[str, Any]) -> str:
    """Returns the type of a resource by its resourceType; `Resource` when that is none of R4."""
    name = resource.get("resourceType")
    return name if isinstance(name, str) and load_definitions().is_resource_type(name) else "Resource"


# --- from the JSON of a parent to items -----------------------------------------------------------


def _collect_complex(parent: dict[str, Any], child: Child, found: Collection) -> None:
    value = parent.get(child[1])
    if value.__class__ is dict:
        found.append(make_node((value, child[2], None)))
    elif value.__class__ is list:
        type_name = child[2]
        for item in value:
            if item.__class__ is dict:
                found.append(make_node((item, type_name, None)))


def _collect_resource(parent: dict[str, Any], child: Child, found: Collection) -> None:
    value = parent.get(child.key)
    for item in value if value.__class__ is list else (value,):
        if item.__class__ is dict:
            found.append(make_node((item, resource_type_of(item), None)))


def _collect_primitive(parent: dict[str, Any], child: Child, found: Collection) -> None:
    value = parent.get(child[1])
    if child[3] in parent:
        _collect_with_elements(value, parent[child[3]], child[2], found)
    elif value.__class__ in _SCALARS:
        found.append(make_node((value, child[2], None)))
    elif value.__class__ is list:
        type_name = child[2]
        for item in value:
            if item.__class__ in _SCALARS:
                found.append(make_node((item, type_name, None)))


def _collect_with_elements(value: Any, element: Any, type_name: str, found: Collection) -> None:
    values = value if value.__class__ is list else [value]
    elements = element if element.__class__ is list else [element]
    for item, sibling in zip_longest(values, elements):
        primitive = item if item.__class__ in _SCALARS else None
        extra = sibling if sibling.__class__ is dict else None
        if primitive is not None or extra is not None:
            found.append(make_node((primitive, type_name, extra)))


def _collect_choice(parent: dict[str, Any], child: Child, found: Collection) -> None:
    choice = child.choice or {}
    # A value[x] in two types is invalid, yet both are there to be seen; `value` and `_value` are one.
    chosen = {choice[key].key: choice[key] for key in choice.keys() & parent.keys()}
    for one in chosen.values():
        one.collect(parent, one, found)


# --- steps ----------------------------------------------------------------------------------------


class Children(dict[str, "Child | None"]):
    """Type of the parent → its child of one name.

    What is known when the expression is compiled is decided here, once per type: the type the parents must
    have (`Patient.` at the start of a path) and the type wanted of a choice (`value as Quantity`).
    """

    def __init__(self, name: str, parent: TypeTest | None = None, wanted: TypeTest | None = None) -> None:
        super().__init__()
        self._name = name
        self._parent = parent
        self._wanted = wanted

    def __missing__(self, type_name: str) -> Child | None:
        child = None
        if self._parent is None or self._parent[type_name]:
            child = child_named(type_name, self._name)
            if child is not None and self._wanted is not None:
                child = _narrow(child, self._wanted)
        self[type_name] = child
        return child

    def of(self, items: Collection) -> Collection:
        """Returns the child elements of the items."""
        found: Collection = []
        for value, type_name, element in items:
            child = self[type_name]
            if child is None:
                continue
            if value.__class__ is not dict:
                if element is None:
                    continue
                value = element
            child[0](value, child, found)
        return found


def _narrow(child: Child, wanted: TypeTest) -> Child | None:
    if child.choice is None:
        return child
    choice = {key: one for key, one in child.choice.items() if wanted[one.type]}
    ones = {one.key: one for one in choice.values()}
    if len(ones) == 1:
        return ones.popitem()[1]
    return child._replace(choice=choice) if choice else None


def member(name: str) -> Step:
    """Compiles a step to the child elements of one name."""
    select = Children(name).of
    return lambda state, items: select(items) if items else items


def members(start: Step | TypeTest, names: list[str], wanted: TypeTest | None = None) -> Step:
    """Compiles consecutive steps to child elements as one, from a step or from items of a type.

    `wanted` leaves out types of a choice early; it is no promise about the types of the result.
    """
    parent = start if isinstance(start, TypeTest) else None
    tables = [Children(name, parent if i == 0 else None) for i, name in enumerate(names[:-1])]
    tables.append(Children(names[-1], None if tables else parent, wanted))
    first, *rest = (table.of for table in tables)

    def step(state: State, items: Collection) -> Collection:
        items = first(items)
        for select in rest:
            if not items:
                return items
            items = select(items)
        return items

    if isinstance(start, TypeTest):
        return step
    before = start
    return lambda state, items: step(state, before(state, items))


def children_of(node: Node) -> Collection:
    """Returns all children of an item, in the order of its JSON."""
    value, type_name, element = node
    if value.__class__ is not dict:
        if element is None:
            return []
        value, type_name = element, "Element"
    found: Collection = []
    table = _children_by_key(type_name)
    for key in value:
        child = table.get(key)
        if child is not None and (key == child.key or child.key not in value):
            child.collect(value, child, found)
    return found


@cache
def _children_by_key(type_name: str) -> dict[str, Child]:
    structure = load_definitions().structure_or_none(type_name)
    table: dict[str, Child] = {}
    if structure is None or structure.is_primitive:
        return table
    for key in structure.keys:
        table[key] = child = _child(structure, key)
        if child.sibling:
            table[child.sibling] = child
    return table


def descendants_of(state: State, items: Collection) -> Collection:
    """Returns all elements below the items, depth first. http://hl7.org/fhirpath/N1/#descendants-collection"""
    found: Collection = []
    stack: Collection = [node for item in reversed(items) for node in reversed(children_of(item))]
    while stack:
        node = stack.pop()
        found.append(node)
        below = children_of(node)
        state.spend(1)
        stack.extend(reversed(below))
    return found
