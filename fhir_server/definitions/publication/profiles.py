"""StructureDefinitions with differential and snapshot, from their tables.

https://hl7.org/fhir/R4/structuredefinition.html, https://hl7.org/fhir/R4/profiling.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fhir_server.definitions.publication.element_rows import ElementRows, canonical
from fhir_server.definitions.publication.snapshot_elements import snapshot_elements
from fhir_server.definitions.publication.tables import Row, head_of, read_table
from fhir_server.definitions.r4_source import R4Source
from fhir_server.definitions.registry import load_definitions
from fhir_server.definitions.snapshot import generate_snapshot
from fhir_server.fhir import Resource

_FHIR_VERSION = "4.0.1"


def profiles(tables: Path) -> Iterator[Resource]:
    """Yields all of them, each after the one it builds on; raises TableError or ProfileError."""
    systems = {row["name"]: row["uri"] for row in read_table(tables / "systems.csv")}
    invariants = {row["key"]: row for row in read_table(tables / "invariants.csv")}
    rows = ElementRows(systems, invariants)
    r4 = R4Source(load_definitions())
    made: dict[str, Resource] = {}

    def find(url: str) -> Resource | None:
        return made.get(url) or r4.find("StructureDefinition", url)

    for row in read_table(tables / "profiles.csv"):
        elements = read_table(tables / "profiles" / f"{row['id']}.csv")
        definition = _definition(row, [rows.element(row["type"], one) for one in elements])
        snapshot = _told(generate_snapshot(definition, find), definition["differential"]["element"])
        definition["snapshot"] = {"element": snapshot_elements(snapshot, row["type"])}
        definition["differential"] = definition.pop("differential")
        made[str(definition["url"])] = definition
        yield definition


def _told(snapshot: list[Resource], differential: list[Resource]) -> list[Resource]:
    """Adds the words of the differential: a snapshot is generated of facts alone."""
    told: dict[str, Resource] = {
        element["id"]: {key: element[key] for key in ("short", "definition") if key in element}
        for element in differential
    }
    return [{**element, **told.get(element["id"], {})} for element in snapshot]


def _definition(row: Row, elements: list[Resource]) -> Resource:
    return {
        **head_of("StructureDefinition", row),
        "fhirVersion": _FHIR_VERSION,
        "kind": "resource",
        "abstract": row["abstract"] == "yes",
        "type": row["type"],
        "baseDefinition": canonical(row["parent"] or row["type"]),
        "derivation": "constraint",
        "differential": {"element": elements},
    }
