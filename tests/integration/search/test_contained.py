"""Contained resources are found when asked for, within the reach of their container.

https://hl7.org/fhir/R4/search.html#contained
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.examples import patient, transaction
from tests.http_client import FhirHttp
from tests.running_server import MakeClient, RunningServer

SYSTEM = "http://example.com"


def concept(code: str) -> dict[str, Any]:
    return {"coding": [{"system": SYSTEM, "code": code}]}


def medication(id_: str, code: str, ingredient: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Medication",
        "id": id_,
        "code": concept(code),
        "ingredient": [{"itemCodeableConcept": concept(ingredient)}],
    } | more


def request(id_: str, subject: str, *contained: dict[str, Any], of: str = "#m1") -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": id_,
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{subject}"},
        "medicationReference": {"reference": of},
    } | ({"contained": list(contained)} if contained else {})


RECORDS: list[dict[str, Any]] = [
    {**patient("one"), "id": "one"},
    {**patient("two"), "id": "two"},
    {"resourceType": "Organization", "id": "maker", "name": "Maker"},
    medication("plain", "A", "abc"),
    request("23", "one", medication("m1", "A", "abc", manufacturer={"reference": "Organization/maker"})),
    request("24", "two", medication("m1", "B", "xyz")),
    request("25", "one", of="Medication/plain"),
    request(
        "26",
        "one",
        medication("m1", "C", "xyz"),
        medication("m2", "A", "abc"),
        {"resourceType": "Organization", "id": "o", "name": "Inside"},
    ),
]
RECORDS[-1]["dispenseRequest"] = {"performer": {"reference": "#o"}}
RECORDS[-1]["supportingInformation"] = [{"reference": "#m2"}]


@pytest.fixture(scope="module", autouse=True)
def records(fhir: FhirHttp) -> None:
    rows = [{"resource": r, "request": put(r)} for r in RECORDS]
    answer = fhir.post("", transaction(*rows))
    assert answer.status_code == 200, answer.text


def put(resource: dict[str, Any]) -> dict[str, str]:
    return {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}


def found(client: FhirHttp, search: str) -> list[str]:
    answer = client.get(search)
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    urls = [row["fullUrl"].removeprefix(client.base_url + "/") for row in bundle.get("entry", [])]
    assert bundle["total"] == len(urls)
    for row in bundle.get("entry", []):
        assert row["fullUrl"].rpartition("/")[2].rpartition("#")[2] == row["resource"]["id"]
    return sorted(urls)


@pytest.mark.parametrize(
    ("search", "urls"),
    [
        ("Medication?ingredient-code=abc", ["Medication/plain"]),
        ("Medication?ingredient-code=abc&_contained=false", ["Medication/plain"]),
        ("Medication?ingredient-code=abc&_contained=true", ["MedicationRequest/23", "MedicationRequest/26"]),
        (
            "Medication?ingredient-code=abc&_contained=both&_containedType=container",
            ["Medication/plain", "MedicationRequest/23", "MedicationRequest/26"],
        ),
        (
            "Medication?ingredient-code=abc&_contained=true&_containedType=contained",
            ["MedicationRequest/23#m1", "MedicationRequest/26#m2"],
        ),
        (
            "Medication?code=http://example.com|A&_contained=both&_containedType=contained",
            ["Medication/plain", "MedicationRequest/23#m1", "MedicationRequest/26#m2"],
        ),
        (
            "Medication?_contained=true&_containedType=contained",
            ["MedicationRequest/23#m1", "MedicationRequest/24#m1", "MedicationRequest/26#m1",
             "MedicationRequest/26#m2"],
        ),
        (
            "Medication?_contained=true",
            ["MedicationRequest/23", "MedicationRequest/24", "MedicationRequest/26"],
        ),
        # Both criteria are about one and the same contained resource.
        ("Medication?code=C&ingredient-code=abc&_contained=true", []),
        ("Medication?code:not=A&_contained=true&_containedType=contained",
         ["MedicationRequest/24#m1", "MedicationRequest/26#m1"]),
        ("Medication?manufacturer=maker&_contained=true", ["MedicationRequest/23"]),
        ("Medication?manufacturer.name=maker&_contained=true", ["MedicationRequest/23"]),
        ("Medication?manufacturer:missing=true&code=A&_contained=true", ["MedicationRequest/26"]),
        ("Organization?name=inside&_contained=true", ["MedicationRequest/26"]),
        ("Organization?name=m&_contained=both", ["Organization/maker"]),
        ("Organization?_contained=true&_containedType=contained", ["MedicationRequest/26#o"]),
        ("Patient?_contained=true", []),
        # An id of something contained is no id of the server.
        ("Medication?_id=m1&_contained=true", []),
        ("Medication?_has:MedicationRequest:medication:status=active&_contained=true", []),
        ("Medication?_list=none&_contained=true", []),
    ],
)  # fmt: skip
def test_contained_resources_come_when_they_are_asked_for(
    fhir: FhirHttp, search: str, urls: list[str]
) -> None:
    assert found(fhir, search) == urls


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("medication.ingredient-code=abc", ["23", "25"]),
        ("medication.code=C", ["26"]),
        ("medication:Medication.code=B", ["24"]),
        ("medication.ingredient-code=abc&subject=Patient/one", ["23", "25"]),
        ("medication.ingredient-code=abc&subject=Patient/two", []),
        ("medication.manufacturer.name=maker", ["23"]),
        ("intended-dispenser.name=inside", ["26"]),
        ("medication.ingredient-code=xyz", ["24", "26"]),
        ("medication:missing=true", []),
        ("medication:missing=false", ["23", "24", "25", "26"]),
    ],
)
def test_a_chain_looks_inside_contained_resources(fhir: FhirHttp, search: str, ids: list[str]) -> None:
    assert found(fhir, f"MedicationRequest?{search}") == [f"MedicationRequest/{id_}" for id_ in ids]


def test_chains_go_on_from_what_contains(fhir: FhirHttp) -> None:
    assert found(fhir, "Patient?_has:MedicationRequest:patient:medication.code=B") == ["Patient/two"]


def test_a_contained_resource_is_shown_whole_or_in_parts(fhir: FhirHttp) -> None:
    asked = "Medication?code=B&_contained=true&_containedType=contained"
    (row,) = fhir.get(asked).json()["entry"]
    assert row["resource"] == medication("m1", "B", "xyz")
    assert row["search"] == {"mode": "match"}
    (row,) = fhir.get(f"{asked}&_elements=code").json()["entry"]
    assert set(row["resource"]) == {"resourceType", "id", "code", "meta"}
    (row,) = fhir.get("Medication?code=B&_contained=true").json()["entry"]
    assert row["resource"]["resourceType"] == "MedicationRequest"
    assert row["resource"]["contained"] == [medication("m1", "B", "xyz")]


@pytest.mark.parametrize("sort", ["", "&_sort=code", "&_sort=-code", "&_sort=_id", "&_sort=-_lastUpdated"])
@pytest.mark.parametrize("kind", ["container", "contained"])
def test_pages_of_contained_resources_hold_each_once(fhir: FhirHttp, sort: str, kind: str) -> None:
    asked = f"Medication?_contained=both&_containedType={kind}{sort}"
    whole = [row["fullUrl"] for row in fhir.get(asked).json()["entry"]]
    assert len(whole) == (4 if kind == "container" else 5)
    pages: list[str] = []
    bundle = fhir.get(f"{asked}&_count=2").json()
    while True:
        assert bundle["total"] == len(whole)
        pages += [row["fullUrl"] for row in bundle["entry"]]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            break
        bundle = fhir.get(following[0]).json()
    assert pages == whole
    assert fhir.get(f"{asked}&_summary=count").json()["total"] == len(whole)


def test_the_reach_of_the_container_decides(make_client: MakeClient) -> None:
    bound = make_client("patient/*.rs", patient="two")
    assert found(bound, "Medication?_contained=true") == ["MedicationRequest/24"]
    assert found(bound, "MedicationRequest?medication.code=A") == []
    only = make_client("system/Medication.rs")
    assert found(only, "Medication?_contained=both") == ["Medication/plain"]
    closed = make_client("system/MedicationRequest.rs")
    assert closed.get("Medication?_contained=true").status_code == 403


def test_what_is_changed_or_deleted_is_found_as_it_is(fhir: FhirHttp, server: RunningServer) -> None:
    first = request("27", "two", medication("m1", "N", "n"))
    assert fhir.put("MedicationRequest/27", first).status_code == 201
    assert found(fhir, "Medication?code=N&_contained=true") == ["MedicationRequest/27"]
    assert fhir.put("MedicationRequest/27", request("27", "two", of="Medication/plain")).status_code == 200
    assert found(fhir, "Medication?code=N&_contained=true") == []
    assert fhir.put("MedicationRequest/27", first).status_code == 200
    assert fhir.delete("MedicationRequest/27").status_code == 204
    assert found(fhir, "Medication?code=N&_contained=true") == []
    document = server.inside.mongo.database["MedicationRequest"].find_one({"_id": "27"})
    assert document is not None
    assert "c" not in document


def test_what_matches_and_contains_a_match_comes_once(fhir: FhirHttp) -> None:
    kit = medication("kit", "K", "k", contained=[medication("m1", "K", "k")])
    kit["ingredient"].append({"itemReference": {"reference": "#m1"}})
    assert fhir.put("Medication/kit", kit).status_code == 201
    assert found(fhir, "Medication?code=K&_contained=both") == ["Medication/kit"]
    both = ["Medication/kit", "Medication/kit#m1"]
    assert found(fhir, "Medication?code=K&_contained=both&_containedType=contained") == both
    assert found(fhir, "Medication?code=K&_contained=true") == ["Medication/kit"]
    assert fhir.delete("Medication/kit").status_code == 204


def test_what_contains_nothing_has_no_entries_for_it(server: RunningServer) -> None:
    document = server.inside.mongo.database["MedicationRequest"].find_one({"_id": "25"})
    assert document is not None
    assert "c" not in document


@pytest.mark.parametrize(
    ("search", "culprit"),
    [
        ("Medication?_contained=maybe", "_contained"),
        ("Medication?_contained=true&_containedType=both", "_containedType"),
        ("Medication?_contained=true&_include=Medication:manufacturer", "_contained"),
        ("Medication?_contained=true&_content=maker", "_contained"),
        ("?_type=Medication,Patient&_contained=true", "_contained"),
    ],
)
def test_what_a_search_for_contained_resources_does_not_offer_is_refused(
    fhir: FhirHttp, search: str, culprit: str
) -> None:
    answer = fhir.get(search)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [f"http.{culprit}"]
