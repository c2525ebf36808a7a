"""Compiles the profiles and extensions of the official package: their differentials, facts only.

Snapshots are generated from them (snapshot.py). https://hl7.org/fhir/R4/structuredefinition.html
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_FACTS = frozenset(
    str.split(
        "id path sliceName sliceIsConstraining slicing min max contentReference type binding constraint"
        " isModifier isSummary maxLength"
    )
)
_FACT_CHOICES = ("fixed", "pattern", "minValue", "maxValue")
_DERIVED = ("constraint",)
_OF_TYPE = ("code", "profile", "targetProfile", "aggregation", "versioning")
_OF_CONSTRAINT = ("key", "severity", "human", "expression")
_OF_DEFINITION = ("name", "kind", "abstract", "type", "baseDefinition", "context", "contextInvariant")


def compile_profiles(resources: list[Json]) -> Json:
    """Returns canonical → StructureDefinition of each constraint profile, without prose."""
    rows: Json = {}
    for definition in resources:
        if definition["resourceType"] == "StructureDefinition" and definition.get("derivation") in _DERIVED:
            row = {key: definition[key] for key in _OF_DEFINITION if key in definition}
            row["element"] = [_element(e) for e in definition.get("differential", {}).get("element", [])]
            rows[str(definition["url"])] = row
    return dict(sorted(rows.items()))


def _element(element: Json) -> Json:
    row = {key: v for key, v in element.items() if key in _FACTS or key.startswith(_FACT_CHOICES)}
    if "type" in row:
        row["type"] = [{key: t[key] for key in _OF_TYPE if key in t} for t in row["type"]]
    if "constraint" in row:
        row["constraint"] = [{key: c[key] for key in _OF_CONSTRAINT if key in c} for c in row["constraint"]]
    if "binding" in row:
        row["binding"] = {key: v for key, v in row["binding"].items() if key in ("strength", "valueSet")}
    if "slicing" in row:
        row["slicing"] = {key: v for key, v in row["slicing"].items() if key != "description"}
    return row
