"""Modifiers over HTTP: texts, typed identifiers, value sets, hierarchies, media types."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http_client import FhirHttp
from tests.minimal import minimal_resource
from tests.running_server import MakeClient

CS, VS = "http://example.org/cs", "http://example.org/vs"
V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def put(fhir: FhirHttp, resource_type: str, id_: str, **more: Any) -> None:
    resource = {**minimal_resource(resource_type), "id": id_, **more}
    answer = fhir.put(f"{resource_type}/{id_}", resource)
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module", autouse=True)
def records(fhir: FhirHttp) -> None:
    code_system = {
        "url": CS,
        "content": "complete",
        "concept": [{"code": "a", "concept": [{"code": "b"}]}, {"code": "c"}],
    }
    put(fhir, "CodeSystem", "cs", **code_system)
    filter_ = [{"property": "concept", "op": "is-a", "value": "a"}]
    for version, id_ in (("1", "old"), ("2", "new")):
        compose = {"include": [{"system": CS, "filter": filter_} if version == "2" else {"system": CS}]}
        put(fhir, "ValueSet", id_, url=VS, version=version, date=f"202{version}", compose=compose)
    put(
        fhir,
        "Patient",
        "p",
        identifier=[{"type": {"coding": [{"system": V2_0203, "code": "MR"}]}, "value": "44"}],
    )
    for code in "abc":
        concept = {"coding": [{"system": CS, "code": code, "display": f"Fracture du fémur {code}"}]}
        put(fhir, "Condition", code, code=concept, subject={"reference": "Patient/p"})
    put(fhir, "Location", "town")
    put(fhir, "Location", "ward", partOf={"reference": "Location/town"})
    place = {"location": {"reference": "Location/ward"}, "subject": {"reference": "Patient/p"}}
    put(fhir, "Procedure", "there", **place)
    put(
        fhir, "DocumentReference", "doc", content=[{"attachment": {"contentType": "text/xml; charset=UTF-8"}}]
    )


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("Condition?code:text=femur", "abc"),
        ("Condition?code:text=fémur b,du fémur c", "bc"),
        ("Condition?code:text=emur", ""),
        (f"Condition?code:in={VS}", "ab"),
        (f"Condition?code:in={VS}|1", "abc"),
        ("Condition?code:in=ValueSet/new", "ab"),
        (f"Condition?code:not-in={VS}", "c"),
        (f"Condition?code:below={CS}|a", "ab"),
        (f"Condition?code:above={CS}|b", "ab"),
        (f"Condition?_filter=code in {VS} and not (code ss {CS}|b)", "a"),
        (f"Condition?patient=p&code:in={VS}&_sort=_id", "ab"),
    ],
)
def test_conditions_are_found_by_text_and_concept(fhir: FhirHttp, search: str, ids: str) -> None:
    for suffix in ("", "&_total=accurate&_count=1"):
        bundle = fhir.get(search + suffix).json()
        found = sorted(row["resource"]["id"] for row in bundle.get("entry", []))
        assert found == sorted(ids) if not suffix else bundle["total"] == len(ids)


@pytest.mark.parametrize(
    ("search", "id_"),
    [
        (f"Patient?identifier:of-type={V2_0203}|MR|44", "p"),
        ("Procedure?location:below=town", "there"),
        ("Location?partof:below=Location/town", "ward"),
        ("DocumentReference?contenttype:below=text/xml", "doc"),
        (f"ValueSet?url:above={VS}/further&version=1", "old"),
        (f"Patient?_has:Condition:patient:code:in={VS}", "p"),
        (f"Procedure?patient:Patient._has:Condition:patient:code:below={CS}|b", "there"),
    ],
)
def test_other_resources_are_found_by_type_and_place(fhir: FhirHttp, search: str, id_: str) -> None:
    bundle = fhir.get(search).json()
    assert [row["resource"]["id"] for row in bundle["entry"]] == [id_]


@pytest.mark.parametrize(
    "search",
    [
        "Condition?code:in=http://unknown/vs",
        "Condition?code:below=a",
        "Condition?code:below=http://snomed.info/sct|126851005",
        "Patient?gender:text=male",
        "Patient?identifier:of-type=MR|44",
        "Observation?subject:below=Patient/p",
        "Observation?subject:identifier.name=x",
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_name(fhir: FhirHttp, search: str) -> None:
    answer = fhir.get(search)
    assert answer.status_code == 400
    name = search.partition("?")[2].partition("=")[0]
    assert answer.json()["issue"][0]["expression"] == [f"http.{name}"]


def test_a_caller_uses_no_value_set_that_is_hidden(make_client: MakeClient) -> None:
    client = make_client("system/Condition.rs")
    answer = client.search("Condition", {"code:in": VS})
    assert answer.status_code == 400
    assert answer.json() == client.search("Condition", {"code:in": VS}).json()
    own = "https://dmp-fhir.example.org/fhir/ValueSet/dmp-document-type"
    assert client.search("Condition", {"code:in": own}).status_code == 200


def test_a_hierarchy_is_followed_as_far_as_the_caller_may_search(make_client: MakeClient) -> None:
    client = make_client("system/Procedure.rs")
    assert client.search("Procedure", {"location:below": "town"}).status_code == 403
