"""JSON Patch of a resource. https://hl7.org/fhir/R4/http.html#patch, RFC 6902"""

from __future__ import annotations

import re
from copy import deepcopy
from decimal import Decimal
from typing import Any

from jsonpatch import JsonPatch, JsonPatchException, JsonPointerException

from fhir_server.errors import Invalid, TooCostly, Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhir.json import MAX_DEPTH

MAX_OPERATIONS = 1000
MAX_MOVED_VALUES = 100_000
"""Values that the `copy` and `move` operations of a patch may touch: a patch of copies grows by doubling."""

_POINTER = {
    "type": "string",
    "maxLength": 2048,
    # One token per level, no deeper than a resource can be.
    "pattern": rf"\A(?:/(?:[^~/]|~[01])*){{0,{MAX_DEPTH}}}\Z",
}
_WITH_VALUE = ("add", "replace", "test")
_WITH_FROM = ("move", "copy")
PATCH_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "array",
    "maxItems": MAX_OPERATIONS,
    "items": {
        "type": "object",
        "properties": {
            "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": _POINTER,
            "from": _POINTER,
        },
        "required": ["op", "path"],
        "allOf": [
            {
                "if": {"properties": {"op": {"enum": list(_WITH_VALUE)}}, "required": ["op"]},
                "then": {"required": ["value"]},
            },
            {
                "if": {"properties": {"op": {"enum": list(_WITH_FROM)}}, "required": ["op"]},
                "then": {"required": ["from"]},
            },
        ],
    },
}

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
# What the library raises on an index or property that is not there.
_UNRESOLVED = (JsonPatchException, JsonPointerException, LookupError, TypeError)


def apply_json_patch(resource: Resource, operations: Any) -> Resource:
    """Returns the patched copy of a resource; all operations apply, or none."""
    check_json_patch(operations)
    patched: Any = deepcopy(resource)
    budget = MAX_MOVED_VALUES
    for number, operation in enumerate(operations):
        if operation["op"] in _WITH_FROM:
            budget -= _weigh(_resolve(patched, operation["from"], number), number)
            if budget < 0:
                raise TooCostly(f"The patch copies or moves more than {MAX_MOVED_VALUES} values.")
        patched = _apply(patched, operation, number)
    _check_identity(resource, patched)
    result: Resource = patched
    return result


def check_json_patch(operations: Any) -> None:
    """Raises Invalid when a value is not a JSON Patch document."""
    # Only those who patch pay for the import.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(PATCH_SCHEMA).iter_errors(operations))
    if error is None:
        return
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    message = error.message if len(error.message) <= 200 else error.message[:197] + "..."
    raise Invalid(f"The body is not a JSON Patch (RFC 6902): {where or 'document'}: {message}.")


def _apply(document: Any, operation: dict[str, Any], number: int) -> Any:
    path = operation["path"]
    if operation["op"] == "test":
        # The library compares as Python does, where true equals 1.
        if not _equal(_resolve(document, path, number), operation["value"]):
            raise _failure(number, f"the value at {path!r} is not the one tested.")
        return document
    # The library would look into a string as into an array.
    if path and not isinstance(_resolve(document, path.rpartition("/")[0], number), dict | list):
        raise _failure(number, f"{path!r} is inside a value that is neither object nor array.")
    try:
        return JsonPatch([operation]).apply(document, in_place=True)
    except _UNRESOLVED:
        raise _failure(number, f"{operation['op']} is not possible at {path!r}.") from None


def _resolve(document: Any, pointer: str, number: int) -> Any:
    """Returns the value at a JSON Pointer (RFC 6901)."""
    value = document
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            raise _failure(number, f"there is nothing at {pointer!r}.")
    return value


def _weigh(value: Any, number: int) -> int:
    """Returns the number of values in a tree that an operation inserts once more."""
    count = 0
    depth = 0
    level = [value]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _failure(number, "it nests values too deeply.")
        count += len(level)
        if count > MAX_MOVED_VALUES:
            break
        level = [
            item
            for node in level
            if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
        ]
    return count


def _equal(left: Any, right: Any) -> bool:
    """Compares as RFC 6902 §4.6: numbers by value, objects without order, types never mixed."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        return left == right
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)


def _check_identity(before: Resource, after: Any) -> None:
    if not isinstance(after, dict):
        raise Unprocessable("The patch replaces the resource by something that is not an object.")
    for key in ("resourceType", "id"):
        if before.get(key) != after.get(key):
            raise Unprocessable(f"A patch must not change {key}.", f"{before.get('resourceType')}.{key}")


def _failure(number: int, reason: str) -> Unprocessable:
    return Unprocessable(f"Operation {number + 1} of the patch: {reason}")
