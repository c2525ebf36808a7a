"""A row of a profile's table → an ElementDefinition of its differential.

https://hl7.org/fhir/R4/elementdefinition.html; profiles/README.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from fhir_server.definitions.publication.tables import BASE, Row, TableError

Json = dict[str, Any]
_R4 = "http://hl7.org/fhir/StructureDefinition/"
_TYPE = re.compile(r"(\w+)(?:\(([^)]*)\))?(?: |$)")
_VALUE = re.compile(r"((?:fixed|pattern|minValue|maxValue)[A-Z]\w*)=(.+)")


class ElementRows:
    """What rows refer to by a short name: code systems and invariants."""

    def __init__(self, systems: Mapping[str, str], invariants: Mapping[str, Row]) -> None:
        self._systems = systems
        self._invariants = invariants

    def element(self, type_: str, row: Row) -> Json:
        """Returns the ElementDefinition; raises TableError."""
        id_ = type_ if row["element"] == "." else f"{type_}.{row['element']}"
        element: Json = {"id": id_, "path": re.sub(r":[^.]*", "", id_)}
        slice_ = id_.rpartition(".")[2].partition(":")[2]
        if slice_:
            element["sliceName"] = slice_
        for column, read in self._readers().items():
            if row[column]:
                element.update(read(row[column]))
        return element

    def _readers(self) -> dict[str, Callable[[str], Json]]:
        return {
            "slicing": _slicing,
            "short": lambda text: {"short": text, "definition": text},
            "min": lambda text: {"min": int(text)},
            "max": lambda text: {"max": text},
            "type": _types,
            "value": self._value,
            "constraint": self._constraints,
            "binding": _binding,
        }

    def _value(self, text: str) -> Json:
        found = _VALUE.fullmatch(text)
        if found is None:
            raise TableError(f"{text!r} is no fixed value, pattern or bound")
        key, value = found.groups()
        return {key: self._literal(key, value)}

    def _literal(self, key: str, text: str) -> Any:
        if text[0] in "{[" or key.endswith(("Boolean", "Integer", "Decimal")):
            return json.loads(text)
        if key.endswith(("CodeableConcept", "Coding")):
            name, _, code = text.partition("#")
            if name not in self._systems:
                raise TableError(f"{text!r}: systems.csv has no {name!r}")
            coding = {"system": self._systems[name], **({"code": code} if code else {})}
            return coding if key.endswith("Coding") else {"coding": [coding]}
        return self._systems.get(text, text)

    def _constraints(self, text: str) -> Json:
        unknown = [key for key in text.split() if key not in self._invariants]
        if unknown:
            raise TableError(f"invariants.csv has no {unknown[0]!r}")
        columns = ("key", "severity", "human", "expression")
        return {"constraint": [{c: self._invariants[key][c] for c in columns} for key in text.split()]}


def _slicing(text: str) -> Json:
    """value:system,pattern:code open → slicing."""
    discriminators, _, rules = text.partition(" ")
    pairs = [one.partition(":") for one in discriminators.split(",")]
    discriminator = [{"type": type_, "path": path} for type_, _, path in pairs]
    return {"slicing": {"discriminator": discriminator, "ordered": False, "rules": rules or "open"}}


def _types(text: str) -> Json:
    """Reference(Patient,Group) Quantity → type."""
    types = []
    for code, targets in _TYPE.findall(text):
        type_: Json = {"code": code}
        if targets:
            type_["targetProfile"] = [canonical(name) for name in targets.split(",")]
        types.append(type_)
    return {"type": types}


def _binding(text: str) -> Json:
    """required dmp-format → binding."""
    strength, _, name = text.partition(" ")
    url = name if ":" in name else f"{BASE}/ValueSet/{name}"
    return {"binding": {"strength": strength, "valueSet": url}}


def canonical(name: str) -> str:
    """Returns the canonical of a profile of ours (dmp-patient) or a type of R4."""
    return f"{BASE}/StructureDefinition/{name}" if name.startswith("dmp-") else _R4 + name
