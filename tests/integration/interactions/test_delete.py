"""FHIR delete and conditional delete. https://hl7.org/fhir/R4/http.html#delete"""

from __future__ import annotations

import uuid

import pytest

from tests.examples import body, create, link, patient, problem, total
from tests.http_client import FhirHttp


def test_a_deleted_resource_is_gone_from_reads_and_searches(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    path = f"Patient/{create(fhir, patient(key))['id']}"
    answer = fhir.delete(path)
    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["ETag"] == 'W/"2"'
    assert "Content-Type" not in answer.headers
    assert "Location" not in answer.headers
    problem(fhir.get(path), 410)
    assert total(fhir, f"Patient?identifier={key}") == 0
    assert total(fhir, f"Patient?_id={path[8:]}") == 0


def test_a_delete_is_repeatable_and_makes_one_tombstone(fhir: FhirHttp) -> None:
    path = f"Patient/{create(fhir, patient())['id']}"
    for _ in range(3):
        assert fhir.delete(path).status_code == 204
    assert body(fhir.get(f"{path}/_history"))["total"] == 2


def test_a_delete_of_nothing_is_204(fhir: FhirHttp) -> None:
    answer = fhir.delete("Patient/nothing")
    assert answer.status_code == 204
    assert "ETag" not in answer.headers
    problem(fhir.get("Patient/nothing"), 404)


def test_the_last_version_stays_in_the_history(fhir: FhirHttp) -> None:
    stored = create(fhir, patient(active=True))
    path = f"Patient/{stored['id']}"
    fhir.delete(path)
    assert body(fhir.get(f"{path}/_history/1")) == stored
    row = body(fhir.get(f"{path}/_history"))["entry"][0]
    assert row["request"] == {"method": "DELETE", "url": path}
    assert "resource" not in row
    assert row["response"]["status"].startswith("204")


def test_a_deleted_resource_cannot_be_patched(fhir: FhirHttp) -> None:
    path = f"Patient/{create(fhir, patient())['id']}"
    fhir.delete(path)
    problem(fhir.patch(path, [{"op": "add", "path": "/active", "value": True}]), 410)


# --- If-Match ---------------------------------------------------------------------------------------


def test_if_match_guards_a_delete(fhir: FhirHttp) -> None:
    path = f"Patient/{create(fhir, patient())['id']}"
    problem(fhir.delete(path, headers={"If-Match": 'W/"2"'}), 412)
    problem(fhir.delete(path, headers={"If-Match": "1"}), 400)
    assert fhir.get(path).status_code == 200
    assert fhir.delete(path, headers={"If-Match": 'W/"1"'}).status_code == 204
    problem(fhir.delete(path, headers={"If-Match": 'W/"2"'}), 412)


def test_if_match_of_nothing_is_412(fhir: FhirHttp) -> None:
    problem(fhir.delete("Patient/nothing", headers={"If-Match": 'W/"1"'}), 412)


# --- conditional ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_conditional_delete_ends_all_matches_and_no_other(fhir: FhirHttp, count: int) -> None:
    key = uuid.uuid4().hex
    other = create(fhir, patient(f"{key}x"))
    for _ in range(count):
        create(fhir, patient(key))
    assert fhir.delete("Patient", params={"identifier": key}).status_code == 204
    assert total(fhir, f"Patient?identifier={key}") == 0
    assert fhir.get(f"Patient/{other['id']}").status_code == 200


def test_the_outcome_of_a_conditional_delete_counts(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    for _ in range(2):
        create(fhir, patient(key))
    answer = fhir.delete(f"Patient?identifier={key}", headers={"Prefer": "return=OperationOutcome"})
    assert answer.status_code == 200
    assert body(answer)["resourceType"] == "OperationOutcome"
    assert body(answer)["issue"][0]["diagnostics"].startswith("2 ")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "?_count=5",
        "?_format=json",
        "?colour=blue",
        "?colour=blue&active=true",
        "?active=",
        "?active:almost=true",
        "?birthdate=ever",
        "?_summary=true&_elements=id",
        "?$ne=1",
        "?%24where=1",
        "?identifier[$ne]=x",
    ],
)
def test_criteria_that_say_nothing_or_are_unknown_delete_nothing(fhir: FhirHttp, query: str) -> None:
    create(fhir, patient(active=True))
    before = total(fhir, "Patient?")
    problem(fhir.delete(f"Patient{query}", headers={"Prefer": "handling=lenient"}), 400)
    assert total(fhir, "Patient?") == before


def test_a_whole_type_or_the_system_cannot_be_deleted(fhir: FhirHttp) -> None:
    problem(fhir.delete(""), 405)
    problem(fhir.delete("_history"), 405)
    problem(fhir.delete("Patient/_history"), 405)


def test_audit_events_cannot_be_deleted(fhir: FhirHttp) -> None:
    page = body(fhir.get("AuditEvent?_count=1"))
    event = page["entry"][0]["resource"]["id"]
    problem(fhir.delete(f"AuditEvent/{event}"), 405)
    problem(fhir.delete(f"AuditEvent?_id={event}"), 405)
    assert fhir.get(f"AuditEvent/{event}").headers["ETag"] == 'W/"1"'
    assert link(page, "self")
