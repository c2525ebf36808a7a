"""The files of profiles/ are what their tables give, and tables that contradict themselves are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_server.definitions.publication.__main__ import published
from fhir_server.definitions.publication.tables import TableError, read_table
from fhir_server.definitions.publication.terminology import terminology

PROFILES = Path(__file__).resolve().parents[3] / "profiles"
BY_HAND = ("NamingSystem", "OperationDefinition")
A05 = "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"


def test_every_file_is_what_the_tables_give() -> None:
    stale = [name for name, text in published(PROFILES) if (PROFILES / name).read_text("utf-8") != text]
    assert stale == [], "run `make profiles`"


def test_there_is_no_file_that_no_table_gives() -> None:
    on_disk = {path.name for path in PROFILES.glob("*.json") if not path.name.startswith(BY_HAND)}
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
