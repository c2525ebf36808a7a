"""_list=$current-…: the newest current List of the patient. https://hl7.org/fhir/R4/lifecycle.html#current"""

from __future__ import annotations

from typing import Any

import pytest

from tests.examples import create, patient
from tests.http_client import FhirHttp
from tests.minimal import minimal_resource
from tests.running_server import MakeClient

LOINC = "http://loinc.org"
USE = "http://terminology.hl7.org/CodeSystem/list-example-use-codes"


def list_of(
    patient_id: str, code: tuple[str, str], date: str, *members: str, status: str = "current"
) -> dict[str, Any]:
    return {
        "resourceType": "List",
        "status": status,
        "mode": "working",
        "date": date,
        "code": {"coding": [{"system": code[0], "code": code[1]}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "entry": [{"item": {"reference": member}} for member in members],
    }


@pytest.fixture(scope="module")
def record(fhir: FhirHttp) -> str:
    """A patient with lists, and another one with lists of their own."""
    for id_ in ("one", "two"):
        assert fhir.put(f"Patient/{id_}", {**patient(id_), "id": id_}).status_code == 201
    kinds = {"a": "one", "b": "one", "c": "one", "d": "two"}
    for id_, owner in kinds.items():
        for type_ in ("Condition", "AllergyIntolerance", "MedicationStatement"):
            reference = "patient" if type_ == "AllergyIntolerance" else "subject"
            resource = {**minimal_resource(type_), "id": id_, reference: {"reference": f"Patient/{owner}"}}
            if type_ == "AllergyIntolerance":
                resource["category"] = ["food" if id_ == "b" else "medication"]
            if type_ == "MedicationStatement":
                resource["status"] = "active"
            answer = fhir.put(f"{type_}/{id_}", resource)
            assert answer.status_code == 201, answer.text
    problems, allergies = (LOINC, "46105-3"), (LOINC, "48765-2")
    for list_ in (
        list_of("one", problems, "2024-01-01", "Condition/a"),
        list_of("one", (USE, "problems"), "2024-03-01", "Condition/a", "Condition/b", "Condition/d"),
        list_of("one", problems, "2024-05-01", "Condition/c", status="retired"),
        list_of("two", problems, "2024-06-01", "Condition/d"),
        list_of("one", allergies, "2024-01-01", "AllergyIntolerance/a", "AllergyIntolerance/b"),
        list_of("one", (LOINC, "10160-0"), "2024-01-01", "MedicationStatement/c"),
    ):
        create(fhir, list_)
    return "one"


def found(client: FhirHttp, search: str) -> list[str]:
    answer = client.get(search)
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert bundle["total"] == len(bundle.get("entry", []))
    return sorted(row["resource"]["id"] for row in bundle.get("entry", []))


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("Condition?patient=one&_list=$current-problems", ["a", "b"]),
        ("Condition?subject=Patient/one&_list=$current-problems", ["a", "b"]),
        ("Condition?patient=two&_list=$current-problems", ["d"]),
        ("Condition?patient=one,two&_list=$current-problems", ["a", "b", "d"]),
        ("Condition?patient=nobody&_list=$current-problems", []),
        ("Patient/one/Condition?_list=$current-problems", ["a", "b"]),
        ("Condition?patient=one&_list=$current-allergies", []),
        ("AllergyIntolerance?patient=one&_list=$current-allergies", ["a", "b"]),
        ("AllergyIntolerance?patient=one&_list=$current-drug-allergies", ["a"]),
        ("AllergyIntolerance?patient=one&_list=$current-drug-allergies,$current-allergies", ["a", "b"]),
        ("MedicationStatement?patient=one&_list=$current-medications&status=active", ["c"]),
        ("MedicationStatement?patient=one&_list=$current-medications&status=completed", []),
    ],
)
def test_a_functional_list_is_the_newest_current_one(
    fhir: FhirHttp, record: str, search: str, ids: list[str]
) -> None:
    assert found(fhir, search) == ids


def test_without_a_patient_nobody_knows_whose_list_is_meant(fhir: FhirHttp, record: str) -> None:
    for search in ("Condition?_list=$current-problems", "Condition?code=x&_list=$current-problems"):
        answer = fhir.get(search)
        assert answer.status_code == 400
        assert answer.json()["issue"][0]["expression"] == ["http._list"]


def test_a_token_bound_to_a_patient_says_whose(make_client: MakeClient, record: str) -> None:
    bound = make_client("patient/*.rs", patient="one")
    assert found(bound, "Condition?_list=$current-problems") == ["a", "b"]
    assert found(bound, "Condition?patient=two&_list=$current-problems") == []
    # Without a right to Lists there is none.
    narrow = make_client("patient/Condition.rs", patient="one")
    assert found(narrow, "Condition?_list=$current-problems") == []


def test_a_list_of_no_known_function_is_refused(fhir: FhirHttp) -> None:
    answer = fhir.get("Condition?patient=one&_list=$current-hopes")
    assert answer.status_code == 400
    assert "$current-problems" in answer.json()["issue"][0]["diagnostics"]
