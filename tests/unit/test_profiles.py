"""Our own FHIR artefacts: named, addressed and valid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_server.validation.validate import validate_resource

PROFILES = Path(__file__).resolve().parents[2] / "profiles"
FILES = sorted(PROFILES.glob("*.json"))
NOS = "https://mos.esante.gouv.fr/NOS/"
BASE = "https://dmp-fhir.example.org/fhir"


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_the_validator_finds_no_error(path: Path) -> None:
    assert [i for i in validate_resource(read(path)) if i.severity == "error"] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_an_artefact_is_named_after_its_type_and_id(path: Path) -> None:
    artefact = read(path)
    assert path.name == f"{artefact['resourceType']}-{artefact['id']}.json"


def test_only_our_own_code_systems_are_complete() -> None:
    for artefact in map(read, FILES):
        url = artefact.get("url", "")
        if artefact["resourceType"] == "CodeSystem":
            assert artefact["content"] == ("complete" if url.startswith(BASE) else "fragment")
            assert url.startswith((BASE, NOS))
        elif url:
            assert url == f"{BASE}/{artefact['resourceType']}/{artefact['id']}"


def test_a_value_set_repeats_the_displays_of_its_code_systems() -> None:
    systems = {a["url"]: a for a in map(read, FILES) if a["resourceType"] == "CodeSystem"}
    for artefact in map(read, FILES):
        for include in artefact.get("compose", {}).get("include", []):
            if include["system"] in systems:
                defined = {c["code"]: c.get("display") for c in systems[include["system"]]["concept"]}
                for concept in include.get("concept", []):
                    assert concept.get("display") == defined[concept["code"]]


def test_the_counts_of_document_types_and_classes_are_those_of_the_national_lists() -> None:
    types = read(PROFILES / "ValueSet-dmp-document-type.json")["compose"]["include"]
    classes = read(PROFILES / "ValueSet-dmp-document-class.json")["compose"]["include"]
    assert sum(len(include["concept"]) for include in types) == 102
    assert sum(len(include["concept"]) for include in classes) == 11
