"""A transaction that fails leaves nothing, and says which entry it was. https://hl7.org/fhir/R4/http.html#transaction"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.examples import (
    Resource,
    body,
    bundle,
    create,
    entries,
    entry,
    observation,
    patient,
    problems,
    total,
    transaction,
)
from tests.http_client import FhirHttp
from tests.integration.interactions.test_transaction import everything
from tests.running_server import RunningServer, run_server


def good(fhir: FhirHttp) -> list[Resource]:
    """Entries of every kind that would all succeed."""
    updated, deleted = (create(fhir, patient())["id"] for _ in range(2))
    return [
        entry("POST", "Patient", patient("rollback"), f"urn:uuid:{uuid.uuid4()}"),
        entry("PUT", f"Patient/{updated}", patient("rollback", id=updated)),
        entry("PUT", f"Patient/{uuid.uuid4()}", patient()) | {},
        entry("DELETE", f"Patient/{deleted}"),
        entry(
            "POST",
            "Flag",
            {
                "resourceType": "Flag",
                "status": "active",
                "code": {"text": "x"},
                "subject": {"reference": "Patient/1"},
            },
        ),
    ]


REMOVAL = {
    "resourceType": "Binary",
    "contentType": "application/json-patch+json",
    "data": "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL2FjdGl2ZSJ9XQ==",
}
BAD: dict[str, tuple[int, Resource]] = {
    "invalid resource": (422, entry("POST", "Patient", patient(gender="x"))),
    "another type": (400, entry("POST", "Observation", patient())),
    "wrong id": (400, entry("PUT", "Patient/one", patient(id="two"))),
    "no id": (400, entry("PUT", "Patient/one", patient())),
    "wrong version": (412, entry("PUT", "Patient/absent", patient(id="absent"), ifMatch='W/"3"')),
    "malformed version": (400, entry("PUT", "Patient/absent", patient(id="absent"), ifMatch="3")),
    "nothing to patch": (404, entry("PATCH", "Patient/absent", REMOVAL)),
    "nothing to read": (404, entry("GET", "Patient/absent")),
    "unknown parameter": (400, entry("GET", "Patient?colour=blue")),
    "unknown type": (404, entry("GET", "Client/1")),
    "unknown type of a resource": (404, entry("POST", "Client", patient())),
    "not allowed": (405, entry("POST", "Patient/1", patient())),
    "audit trail": (405, entry("DELETE", "AuditEvent/1")),
    "delete without criteria": (400, entry("DELETE", "Patient")),
    "delete by an unknown parameter": (400, entry("DELETE", "Patient?colour=blue")),
    "foreign URL": (400, entry("GET", "http://elsewhere.example/fhir/Patient/1")),
    "base URL": (422, entry("POST", "", bundle("batch"))),
    "open page": (400, entry("GET", "metadata")),
    "conditional reference": (412, entry("POST", "Observation", observation("Patient?identifier=absent"))),
    "search by POST": (400, entry("POST", "Patient/_search", {"resourceType": "Parameters"})),
    "history that is none": (400, entry("GET", "Patient/_history?_since=x")),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("position", [0, 5])
def test_one_failing_entry_undoes_all(
    fhir: FhirHttp, server: RunningServer, name: str, position: int
) -> None:
    status, bad = BAD[name]
    rows = good(fhir)
    rows[2]["resource"]["id"] = rows[2]["request"]["url"].partition("/")[2]
    rows.insert(position, bad)
    before = everything(server)
    issues = problems(fhir.post("", transaction(*rows)), status)
    for issue in issues:
        assert issue["expression"][0].startswith(f"Bundle.entry[{position}]."), issue
    assert everything(server) == before
    assert total(fhir, "Patient?identifier=rollback") == 0


def test_all_invalid_entries_are_named_at_once(fhir: FhirHttp) -> None:
    rows = [entry("POST", "Patient", patient(gender="x")), entry("POST", "Patient", patient(birthDate="x"))]
    found = {e for issue in problems(fhir.post("", transaction(*rows)), 422) for e in issue["expression"]}
    assert {"Bundle.entry[0].resource.gender", "Bundle.entry[1].resource.birthDate"} <= found


@pytest.mark.parametrize(
    "more",
    [
        {"colour": "blue"},
        {"entry": {}},
        {"entry": [1]},
        {"entry": [None]},
        {"entry": []},
        {"total": -1},
        {"entry": "x"},
    ],
)
def test_a_malformed_bundle_is_refused(fhir: FhirHttp, more: Resource) -> None:
    answer = fhir.post("", transaction(entry("POST", "Patient", patient())) | more)
    assert answer.status_code in (400, 422), answer.text
    assert body(answer)["resourceType"] == "OperationOutcome"


def test_an_entry_without_request_is_refused(fhir: FhirHttp) -> None:
    answer = fhir.post("", transaction({"resource": patient()}))
    assert answer.status_code in (400, 422)
    absent = {"extension": [{"url": "http://example.org/x", "valueCode": "unknown"}]}
    for request in ({"method": "GET", "_url": absent}, {"url": "Patient/1", "_method": absent}):
        assert fhir.post("", transaction({"request": request})).status_code in (400, 422)


def test_an_empty_transaction_is_answered(fhir: FhirHttp) -> None:
    page = body(fhir.post("", transaction()))
    assert page["type"] == "transaction-response"
    assert entries(page) == []


def test_a_bundle_may_have_so_many_entries_and_no_more(mongodb_uri: str, database_name: str) -> None:
    with run_server(mongodb_uri, database_name, MAX_BUNDLE_ENTRIES="3") as running:
        client = running.client()
        row = entry("POST", "Patient", patient())
        for type_ in ("batch", "transaction"):
            assert client.post("", bundle(type_, *[row] * 3)).status_code == 200
            (issue,) = problems(client.post("", bundle(type_, *[row] * 4)), 413)
            assert issue["expression"] == ["Bundle.entry"]


def test_a_large_transaction_is_one(fhir: FhirHttp) -> None:
    name = f"urn:uuid:{uuid.uuid4()}"
    rows: list[Any] = [entry("POST", "Patient", patient(), name)]
    rows += [entry("POST", "Observation", observation(name)) for _ in range(1500)]
    found = entries(body(fhir.post("", transaction(*rows))))
    assert {row["response"]["status"] for row in found} == {"201"}
    subject = found[0]["response"]["location"].partition("/_history")[0]
    assert total(fhir, f"Observation?subject={subject}") == 1500
