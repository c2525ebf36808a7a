"""Every code of every table exists where the table says it comes from."""

from __future__ import annotations

import csv
import json
from importlib import resources

import pytest

from fhir_server.definitions.compile_package import PACKAGE_SHA256, TABLES
from fhir_server.definitions.registry import load_definitions
from fhir_server.policy.compartment import compartment_types, shared_types
from tests.house.sources import ROOT

DEFINITIONS = load_definitions()
R4 = ROOT / "fhir_server" / "definitions" / "r4"


def shared_rows() -> list[dict[str, str]]:
    text = resources.files("fhir_server.policy").joinpath("shared_types.csv").read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def test_every_shared_type_is_a_resource_type_with_a_reason() -> None:
    rows = shared_rows()
    names = [row["resource_type"] for row in rows]
    assert names == sorted(set(names))
    assert set(names) <= set(DEFINITIONS.resource_types)
    assert {row["why"] for row in rows} == {"conformance", "directory", "knowledge", "product", "terminology"}


def test_a_shared_type_is_no_part_of_a_patients_record() -> None:
    assert shared_types() & compartment_types() == set()
    assert shared_types() == {row["resource_type"] for row in shared_rows()}


def test_a_shared_type_refers_to_no_patient_by_search() -> None:
    for name in shared_types():
        parameters = DEFINITIONS.search_parameters(name).values()
        assert not [p.code for p in parameters if p.target == ("Patient",)], name


@pytest.mark.parametrize("table", TABLES)
def test_a_definition_table_comes_from_the_official_package(table: str) -> None:
    document = json.loads((R4 / f"{table}.json").read_text("utf-8"))
    assert document["header"] == {
        "source": "hl7.fhir.r4.core 4.0.1",
        "license": "CC0-1.0",
        "sha256": PACKAGE_SHA256,
    }
    assert document["rows"]


def test_there_is_no_other_definition_table() -> None:
    assert sorted(path.stem for path in R4.glob("*.json")) == sorted(TABLES)


def test_compartments_name_types_and_parameters_that_exist() -> None:
    for code in ("Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"):
        for resource_type, parameters in DEFINITIONS.compartment(code).items():
            # "{def}": the resource that the compartment is named after belongs to it.
            known = {*DEFINITIONS.search_parameters(resource_type), *(["{def}"] * (resource_type == code))}
            assert set(parameters) <= known, (code, resource_type)


def test_every_type_an_element_names_exists() -> None:
    structures = json.loads((R4 / "structures.json").read_text("utf-8"))["rows"]
    for owner, row in structures.items():
        for name, element in row["elements"].items():
            for type_ in element["types"]:
                assert DEFINITIONS.structure_or_none(type_) is not None, (owner, name, type_)
            if "content" in element:
                assert element["content"] in structures, (owner, name)
