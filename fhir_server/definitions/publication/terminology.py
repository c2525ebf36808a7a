"""CodeSystems, ValueSets and the ConceptMap of document types, from their tables.

https://hl7.org/fhir/R4/codesystem.html, https://hl7.org/fhir/R4/valueset.html, https://hl7.org/fhir/R4/conceptmap.html
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from fhir_server.definitions.publication.tables import BASE, Row, TableError, head_of, read_table
from fhir_server.fhir import Resource

Displays = dict[tuple[str, str], str]
_TYPES, _CLASSES = "dmp-document-type", "TRE-A03-ClasseDocument"
_TYPE_TO_CLASS = {
    "id": "dmp-document-type-to-class",
    "name": "Dmp_document_type_to_class",
    "title": "Du type à la classe de document",
    "description": "Classe déduite du type de document (ASS_X16 DMP).",
}


def terminology(tables: Path) -> Iterator[Resource]:
    """Yields all of them; raises TableError."""
    systems = [_code_system(row, read_table(tables / "codes" / f"{row['id']}.csv")) for row in _rows(tables)]
    displays = {
        (system["url"], concept["code"]): concept.get("display", "")
        for system in systems
        for concept in system["concept"]
    }
    yield from systems
    for row in read_table(tables / "value_sets.csv"):
        codes = read_table(tables / "value_sets" / f"{row['id']}.csv")
        yield _value_set(row, codes, displays)
    types = read_table(tables / "value_sets" / f"{_TYPES}.csv")
    yield _concept_map(types, displays, next(s["url"] for s in systems if s["id"] == _CLASSES))


def _rows(tables: Path) -> list[Row]:
    return read_table(tables / "code_systems.csv")


def _code_system(row: Row, codes: list[Row]) -> Resource:
    if len({code["code"] for code in codes}) != len(codes):
        raise TableError(f"{row['id']} has a code twice")
    concepts = [{key: code[key] for key in ("code", "display", "definition") if code[key]} for code in codes]
    if not row["url"]:
        whole = {"count": len(codes), "valueSet": f"{BASE}/ValueSet/{row['id']}"}
        content = {"caseSensitive": True, "content": "complete", **whole}
        return {**head_of("CodeSystem", row), **content, "concept": concepts}
    described = {**row, "description": _fragment(row)}
    head = head_of("CodeSystem", described, row["url"])
    if row["oid"]:
        head["identifier"] = [{"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{row['oid']}"}]
    return {**head, "caseSensitive": True, "content": "fragment", "concept": concepts}


def _fragment(row: Row) -> str:
    name = row["url"].split("/NOS/")[1].partition("/")[0]
    return (
        f"Fragment de la nomenclature nationale {name} (Agence du Numérique en Santé, NOS) : seuls les codes"
        " dont ce serveur se sert. La référence reste la publication de l'ANS."
    )


def _value_set(row: Row, codes: list[Row], displays: Displays) -> Resource:
    include: list[dict[str, Any]] = []
    for system, group in groupby(codes, key=lambda code: code["system"]):
        concepts = [_concept(code, displays) for code in group if code["code"]]
        include.append({"system": system, **({"concept": concepts} if concepts else {})})
    if len({one["system"] for one in include}) != len(include):
        raise TableError(f"{row['id']}: the codes of a system stand together")
    return {**head_of("ValueSet", row), "compose": {"include": include}}


def _concept(code: Row, displays: Displays) -> dict[str, str]:
    display = displays.get((code["system"], code["code"]))
    if display is not None and code["display"]:
        raise TableError(f"{code['code']}: the display of a code stands in its code system")
    display = display or code["display"]
    return {"code": code["code"], **({"display": display} if display else {})}


def _concept_map(types: list[Row], displays: Displays, classes: str) -> Resource:
    group = []
    for system, rows in groupby(types, key=lambda row: row["system"]):
        elements = [_element(row, displays, classes) for row in rows]
        group.append({"source": system, "target": classes, "element": elements})
    bounds = {
        "sourceCanonical": f"{BASE}/ValueSet/{_TYPES}",
        "targetCanonical": f"{BASE}/ValueSet/dmp-document-class",
    }
    return {**head_of("ConceptMap", _TYPE_TO_CLASS), **bounds, "group": group}


def _element(row: Row, displays: Displays, classes: str) -> dict[str, Any]:
    if (classes, row["class"]) not in displays:
        raise TableError(f"{row['code']}: there is no class {row['class']!r}")
    target = {"code": row["class"], "display": displays[classes, row["class"]], "equivalence": "wider"}
    return {**_concept(row, displays), "target": [target]}
