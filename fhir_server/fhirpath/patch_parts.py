"""The Parameters of a FHIRPath Patch → operations. https://hl7.org/fhir/R4/fhirpatch.html#concept"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhir_server.errors import Invalid
from fhir_server.fhir import Resource

Part = dict[str, Any]

# Operation → the parts it needs beside type and path.
_PARTS: dict[str, tuple[str, ...]] = {
    "add": ("name", "value"),
    "insert": ("index", "value"),
    "delete": (),
    "replace": ("value",),
    "move": ("source", "destination"),
}
_KEYS = {
    "type": "valueCode",
    "path": "valueString",
    "name": "valueString",
    "index": "valueInteger",
    "source": "valueInteger",
    "destination": "valueInteger",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a patch."""

    type: str
    path: str
    parts: dict[str, Any]
    """name, index, source, destination: the values; value: the whole part."""
    expression: str
    """Parameters.parameter[i]"""


def read_operations(parameters: Resource) -> list[Operation]:
    """Reads the operations of a patch; Invalid with the FHIRPath of the culprit where it is malformed."""
    if not isinstance(parameters, dict) or parameters.get("resourceType") != "Parameters":
        raise Invalid("A FHIRPath Patch is a Parameters resource", "Parameters")
    entries = parameters.get("parameter")
    if not isinstance(entries, list) or not entries:
        raise Invalid("The patch has no operation", "Parameters.parameter")
    return [_operation(entry, f"Parameters.parameter[{i}]") for i, entry in enumerate(entries)]


def _operation(entry: Any, expression: str) -> Operation:
    if not isinstance(entry, dict) or entry.get("name") != "operation":
        raise Invalid('A parameter of a FHIRPath Patch is named "operation"', expression)
    parts = _parts(entry.get("part"), expression)
    for name in ("type", "path"):
        if not isinstance(parts.get(name), str):
            raise Invalid(f"The operation has no {name}", expression)
    type_ = parts.pop("type")
    if type_ not in _PARTS:
        raise Invalid(f"{type_!r} is no operation of FHIRPath Patch", expression)
    path = parts.pop("path")
    missing = [name for name in _PARTS[type_] if name not in parts]
    if missing:
        raise Invalid(f"The operation {type_} needs {', '.join(missing)}", expression)
    unknown = parts.keys() - set(_PARTS[type_])
    # A delete may carry the name of what it deletes, as some clients send it.
    if unknown - {"name"}:
        raise Invalid(f"The operation {type_} takes no {', '.join(sorted(unknown))}", expression)
    return Operation(type_, path, parts, expression)


def _parts(entries: Any, expression: str) -> dict[str, Any]:
    if not isinstance(entries, list):
        raise Invalid("The operation has no parts", expression)
    parts: dict[str, Any] = {}
    for i, part in enumerate(entries):
        here = f"{expression}.part[{i}]"
        if not isinstance(part, dict) or not isinstance(part.get("name"), str):
            raise Invalid("A part needs a name", here)
        name = part["name"]
        if name in parts:
            raise Invalid(f"The operation has two parts named {name}", here)
        parts[name] = _part_value(name, part, here)
    return parts


def _part_value(name: str, part: Part, expression: str) -> Any:
    if name == "value":
        return part
    key = _KEYS.get(name)
    if key is None:
        raise Invalid(f"{name!r} is no part of an operation", expression)
    # Clients write the type as valueString too.
    value = part.get(key, part.get("valueString") if key == "valueCode" else None)
    wanted = int if key == "valueInteger" else str
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise Invalid(f"The part {name} needs a {key}", expression)
    return value
