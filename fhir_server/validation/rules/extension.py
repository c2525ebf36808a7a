"""An extension has either a value or extensions (ext-1). https://hl7.org/fhir/R4/extensibility.html"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, ObjectCheck, fault


def build_object(_definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check of ext-1 for Extension."""
    if structure.name != "Extension":
        return None
    values = frozenset(
        name
        for key, (element, _) in structure.keys.items()
        if element.name == "value[x]"
        for name in (key, "_" + key)
    )

    def check(value: dict[str, Any], _context: Context) -> list[Fault] | None:
        if ("extension" in value) is values.isdisjoint(value):
            return None
        text = "ext-1: an extension must have either a value or extensions, not both."
        return fault("invariant", text, id="invariant:ext-1")

    return check
