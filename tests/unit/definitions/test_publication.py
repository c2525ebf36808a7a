"""The files of profiles/ are what their tables give, and tables that contradict themselves are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions.publication.__main__ import published
from fhir_server.definitions.publication.element_rows import ElementRows
from fhir_server.definitions.publication.tables import TableError, read_table
from fhir_server.definitions.publication.terminology import terminology

PROFILES = Path(__file__).resolve().parents[3] / "profiles"
ELSEWHERE = ("NamingSystem", "OperationDefinition", "CodeSystem-validation-message")
"""Written by hand, or by `make messages`."""
A05 = "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"


def test_every_file_is_what_the_tables_give() -> None:
    stale = [name for name, text in published(PROFILES) if (PROFILES / name).read_text("utf-8") != text]
    assert stale == [], "run `make profiles`"


def test_there_is_no_file_that_no_table_gives() -> None:
    on_disk = {path.name for path in PROFILES.glob("*.json") if not path.name.startswith(ELSEWHERE)}
    assert on_disk == {name for name, _ in published(PROFILES)}


def test_every_table_of_codes_is_named_in_the_table_above_it() -> None:
    tables = PROFILES / "tables"
    for folder, index in (("codes", "code_systems"), ("value_sets", "value_sets")):
        names = {row["id"] for row in read_table(tables / f"{index}.csv")}
        assert {path.stem for path in (tables / folder).glob("*.csv")} == names


def test_all_114_types_are_known_and_102_have_a_class() -> None:
    includes = {
        name: json.loads((PROFILES / f"ValueSet-{name}.json").read_text("utf-8"))["compose"]["include"]
        for name in ("dmp-document-type", "dmp-document-type-cisis")
    }
    codes = {
        name: {(include["system"], c["code"]) for include in found for c in include["concept"]}
        for name, found in includes.items()
    }
    assert [len(found) for found in codes.values()] == [102, 114]
    assert codes["dmp-document-type"] < codes["dmp-document-type-cisis"]
    assert (A05, "EXPORT_DUI") in codes["dmp-document-type-cisis"] - codes["dmp-document-type"]


def definitions() -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(PROFILES.glob("StructureDefinition-*.json"))]


def test_every_table_of_a_profile_is_named_in_the_table_of_profiles() -> None:
    names = [row["id"] for row in read_table(PROFILES / "tables" / "profiles.csv")]
    assert sorted(names) == sorted(path.stem for path in (PROFILES / "tables" / "profiles").glob("*.csv"))
    assert len(names) == 46


def test_every_invariant_is_used_and_every_short_name_too() -> None:
    texts = "".join(path.read_text("utf-8") for path in (PROFILES / "tables" / "profiles").glob("*.csv"))
    for index, column in (("invariants", "key"), ("systems", "name")):
        names = {row[column] for row in read_table(PROFILES / "tables" / f"{index}.csv")}
        assert {name for name in names if not re.search(rf"\b{name}\b", texts)} == set()


def test_a_snapshot_says_what_the_differential_says() -> None:
    for definition in definitions():
        snapshot = {element["id"]: element for element in definition["snapshot"]["element"]}
        for element in definition["differential"]["element"]:
            found = snapshot[element["id"]]
            for key, value in element.items():
                if key == "constraint":
                    assert all(one in found["constraint"] for one in value)
                else:
                    assert found[key] == value, (definition["id"], element["id"], key)


def test_a_snapshot_tells_where_each_element_is_first_defined() -> None:
    [patient] = [one for one in definitions() if one["id"] == "dmp-patient"]
    base = {element["id"]: element["base"] for element in patient["snapshot"]["element"]}
    assert base["Patient"] == {"path": "Patient", "min": 0, "max": "*"}
    assert base["Patient.id"] == {"path": "Resource.id", "min": 0, "max": "1"}
    assert base["Patient.identifier:insNir.value"] == {"path": "Identifier.value", "min": 0, "max": "1"}
    assert base["Patient.contact.name"] == {"path": "Patient.contact.name", "min": 0, "max": "1"}
    place = "Patient.extension:birthPlace.value[x].extension:inseeCode.url"
    assert base[place] == {"path": "Extension.url", "min": 1, "max": "1"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": "patternCodeableConcept=nowhere#1"}, "systems.csv has no 'nowhere'"),
        ({"value": "code"}, "is no fixed value"),
        ({"constraint": "dmp-known dmp-unknown"}, "invariants.csv has no 'dmp-unknown'"),
    ],
)
def test_a_row_that_names_what_is_not_there_is_refused(change: dict[str, str], reason: str) -> None:
    empty = dict.fromkeys(("min", "max", "type", "value", "binding", "slicing", "constraint", "short"), "")
    rows = ElementRows({"loinc": "http://loinc.org"}, {"dmp-known": dict.fromkeys(("key", "severity"), "x")})
    with pytest.raises(TableError, match=reason):
        rows.element("Patient", {"element": "identifier", **empty, **change})


def test_a_row_becomes_an_element() -> None:
    empty = dict.fromkeys(("min", "max", "type", "value", "binding", "slicing", "constraint", "short"), "")
    row = {"min": "1", "max": "1", "type": "Reference(dmp-patient,Group) Quantity", "short": "What"}
    rows = ElementRows({"loinc": "http://loinc.org"}, {})
    prefix = "https://dmp-fhir.example.org/fhir/StructureDefinition/"
    targets = [f"{prefix}dmp-patient", "http://hl7.org/fhir/StructureDefinition/Group"]
    assert rows.element("Procedure", {"element": "a:b.c:d", **empty, **row}) == {
        "id": "Procedure.a:b.c:d",
        "path": "Procedure.a.c",
        "sliceName": "d",
        "short": "What",
        "definition": "What",
        "min": 1,
        "max": "1",
        "type": [{"code": "Reference", "targetProfile": targets}, {"code": "Quantity"}],
    }
    coded = {**empty, "value": "patternCodeableConcept=loinc#1-8", "slicing": "value:url,pattern:code closed"}
    found = rows.element("List", {"element": "code", **coded})
    assert found["patternCodeableConcept"] == {"coding": [{"system": "http://loinc.org", "code": "1-8"}]}
    assert found["slicing"]["rules"] == "closed"
    assert [one["path"] for one in found["slicing"]["discriminator"]] == ["url", "code"]


def tables(folder: Path, **changed: str) -> Path:
    """A small set of tables; the types need a class system."""
    texts = {
        "code_systems": "id,url,oid,name,title,description\nTRE-A03-ClasseDocument,https://x/NOS/TRE_A03/F,,N,T,",
        "codes/TRE-A03-ClasseDocument": "code,display,definition\n10,Compte rendu,",
        "value_sets": "id,name,title,description\nkinds,N,T,D",
        "value_sets/kinds": "system,code,display\nhttp://loinc.org,11490-0,Lettre",
        "value_sets/dmp-document-type": "system,code,display,class\nhttp://loinc.org,11490-0,Lettre,10",
    }
    for name, text in (texts | changed).items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# a comment\n" + text + "\n", "utf-8")
    return folder


def test_small_tables_give_a_system_a_set_and_a_map(tmp_path: Path) -> None:
    system, value_set, concept_map = terminology(tables(tmp_path))
    assert system["concept"] == [{"code": "10", "display": "Compte rendu"}]
    [include] = value_set["compose"]["include"]
    assert include["concept"] == [{"code": "11490-0", "display": "Lettre"}]
    [element] = concept_map["group"][0]["element"]
    assert element["target"] == [{"code": "10", "display": "Compte rendu", "equivalence": "wider"}]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("codes/TRE-A03-ClasseDocument", "code,display,definition\n10,A,\n10,B,", "twice"),
        ("codes/TRE-A03-ClasseDocument", "code,display,definition\n10,A", "cells"),
        ("value_sets/dmp-document-type", "system,code,display,class\nhttp://l,1,L,11", "no class '11'"),
        ("value_sets/kinds", "system,code,display\nhttps://x/NOS/TRE_A03/F,10,O", "stands in its code"),
        ("value_sets/kinds", "system,code,display\na:a,1,\nu:b,1,\na:a,2,", "stand together"),
    ],
)  # fmt: skip
def test_tables_that_contradict_themselves_are_refused(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    with pytest.raises(TableError, match=reason):
        list(terminology(tables(tmp_path, **{name: text})))
