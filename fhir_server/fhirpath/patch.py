"""FHIRPath Patch: a Parameters resource of operations, applied in order. https://hl7.org/fhir/R4/fhirpatch.html"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from fhir_server.definitions.registry import Element
from fhir_server.errors import FhirError, Invalid, Issue, Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhirpath.locate import (
    ROOT_KEY,
    Pair,
    Path,
    Place,
    locate,
    object_at,
    read_pairs,
    write_pairs,
)
from fhir_server.fhirpath.patch_parts import Operation, read_operations
from fhir_server.fhirpath.patch_values import append, choice_keys, structure_of, target_of

MAX_OPERATIONS = 200


def apply_fhirpath_patch(resource: Resource, parameters: Resource) -> Resource:
    """Returns a patched copy of a resource; an operation that cannot be applied refuses the whole patch.

    Invalid: the patch is malformed. Unprocessable: it does not fit the resource.
    """
    operations = read_operations(parameters)
    if len(operations) > MAX_OPERATIONS:
        raise Invalid(f"A patch of {len(operations)} operations, {MAX_OPERATIONS} are allowed", "Parameters")
    try:
        return _apply(operations, resource)
    except RecursionError:
        raise Invalid("The resource or the patch is nested too deep", "Parameters") from None


def _apply(operations: list[Operation], resource: Resource) -> Resource:
    patched = copy.deepcopy(resource)
    for operation in operations:
        try:
            _OPERATIONS[operation.type](patched, operation)
        except FhirError as error:
            raise _located(error, operation.expression) from None
    return patched


def _located(error: FhirError, expression: str) -> FhirError:
    issues = [
        issue if issue.expression else Issue(issue.severity, issue.code, issue.diagnostics, expression)
        for issue in error.issues
    ]
    return type(error)(error.diagnostics, expression, issues=issues)


# --- where ----------------------------------------------------------------------------------------


def _one_place(resource: Resource, operation: Operation) -> Place:
    places = locate(resource, operation.path)
    if len(places) != 1:
        raise Unprocessable(f"{operation.path} selects {len(places)} elements, {operation.type} needs one")
    return places[0]


def _list_of(resource: Resource, operation: Operation) -> tuple[dict[str, Any], str, Element]:
    """Returns parent, key and definition of the list all selected elements are in."""
    places = locate(resource, operation.path)
    lists = {(place.parent, place.key, place.owner) for place in places}
    if len(lists) != 1:
        raise Unprocessable(f"{operation.path} selects no list, or more than one")
    parent, key, owner = lists.pop()
    if key == ROOT_KEY or not _element_of(owner, key).is_list:
        raise Unprocessable(f"{operation.path} is no list")
    return object_at(resource, parent), key, _element_of(owner, key)


def _element_of(owner: str, key: str) -> Element:
    return structure_of(owner).keys[key][0]


def _position(value: int, count: int, name: str) -> int:
    if not 0 <= value < count:
        raise Unprocessable(f"{name} {value} is outside the list of {count}")
    return value


def _own_path(place: Place) -> Path:
    """Returns the path of the object that holds the children of an element."""
    if place.key == ROOT_KEY:
        return ()
    key = f"_{place.key}" if structure_of(place.type).is_primitive else place.key
    listed = _element_of(place.owner, place.key).is_list
    return (*place.parent, key, place.at) if listed else (*place.parent, key)


# --- operations -----------------------------------------------------------------------------------


def _add(resource: Resource, operation: Operation) -> None:
    place = _one_place(resource, operation)
    target = target_of(place.type, operation.parts["name"], operation.parts["value"])
    append(object_at(resource, _own_path(place)), target)


def _insert(resource: Resource, operation: Operation) -> None:
    parent, key, element = _list_of(resource, operation)
    places = locate(resource, operation.path)
    target = target_of(places[0].owner, key, operation.parts["value"])
    pairs = read_pairs(parent, key)
    pairs.insert(_position(operation.parts["index"], len(pairs) + 1, "index"), target.pair)
    write_pairs(parent, key, pairs, listed=element.is_list)


def _delete(resource: Resource, operation: Operation) -> None:
    places = locate(resource, operation.path)
    if not places:
        return
    if len(places) > 1:
        raise Unprocessable(f"{operation.path} selects {len(places)} elements, delete takes one")
    place = places[0]
    if place.key == ROOT_KEY:
        raise Unprocessable("A patch cannot delete the resource itself")
    parent = object_at(resource, place.parent)
    pairs = read_pairs(parent, place.key)
    del pairs[place.at]
    write_pairs(parent, place.key, pairs, listed=_element_of(place.owner, place.key).is_list)
    _prune(resource, place.parent)


def _prune(container: dict[str, Any], path: Path) -> None:
    """Removes what a deletion left without content along a path: FHIR JSON has no empty objects."""
    if not path:
        return
    key, index = str(path[0]), path[1] if isinstance(path[1:2] and path[1], int) else None
    found = container[key] if index is None else container[key][index]
    _prune(found, path[1:] if index is None else path[2:])
    if found:
        return
    name = key.removeprefix("_")
    pairs = read_pairs(container, name)
    at = int(index or 0)
    value, sibling = pairs[at]
    pairs[at] = (value, None) if key.startswith("_") else (None, sibling)
    kept = [pair for pair in pairs if pair != (None, None)]
    write_pairs(container, name, kept, listed=index is not None)


def _replace(resource: Resource, operation: Operation) -> None:
    place = _one_place(resource, operation)
    if place.key == ROOT_KEY:
        raise Unprocessable("A patch cannot replace the resource itself")
    element = _element_of(place.owner, place.key)
    target = target_of(place.owner, element.name.removesuffix("[x]"), operation.parts["value"])
    parent = object_at(resource, place.parent)
    pairs: list[Pair] = read_pairs(parent, place.key)
    pairs[place.at] = target.pair
    if element.is_choice:
        for key in choice_keys(element):
            parent.pop(key, None)
    write_pairs(parent, target.key, pairs, listed=element.is_list)


def _move(resource: Resource, operation: Operation) -> None:
    parent, key, element = _list_of(resource, operation)
    pairs = read_pairs(parent, key)
    source = _position(operation.parts["source"], len(pairs), "source")
    destination = _position(operation.parts["destination"], len(pairs), "destination")
    pairs.insert(destination, pairs.pop(source))
    write_pairs(parent, key, pairs, listed=element.is_list)


_OPERATIONS: dict[str, Callable[[Resource, Operation], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}
