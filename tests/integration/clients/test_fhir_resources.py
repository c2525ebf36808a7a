"""What the server returns is read by the models of fhir.resources, a second opinion on its form.

https://github.com/nazrulworld/fhir.resources; R4B has the classes of R4 4.0.1 for what is asked here.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
import requests
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.patient import Patient

from tests.examples import body, bundle, create, entry, observation, pages, patient, transaction
from tests.http_client import FhirHttp

MARRIED = {"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}
EXTENDED = {"extension": [{"url": "http://example.org/x", "valueCode": "y"}]}
PATIENT = patient(
    "fhir-resources",
    name=[{"family": "Œuvrard", "_family": EXTENDED}],
    birthDate="1955-03-01",
    deceasedBoolean=False,
    maritalStatus={"coding": [MARRIED]},
    contained=[{"resourceType": "Organization", "id": "o", "name": "Centre fictif"}],
    managingOrganization={"reference": "#o"},
)


@pytest.fixture(scope="module")
def stored(fhir: FhirHttp) -> dict[str, Any]:
    """A Patient of three versions and seven Observations."""
    found = create(fhir, PATIENT)
    for gender in ("female", "unknown"):
        found = body(fhir.put(f"Patient/{found['id']}", found | {"gender": gender}))
    for number in range(7):
        quantity = {"value": Decimal(f"{number}.50"), "unit": "mg"}
        create(fhir, observation(f"Patient/{found['id']}", valueQuantity=quantity))
    return found


def read(model: Any, response: requests.Response) -> Any:
    """Parses an answer, and checks that the model writes back what it read."""
    parsed = model.model_validate_json(response.content)
    assert _in_milliseconds(parsed.model_dump_json()) == _in_milliseconds(response.text)
    return parsed


def _in_milliseconds(text: str) -> Any:
    """Returns the JSON with every instant to the millisecond: models write six digits, or none for .000."""
    return json.loads(re.sub(r"(T\d\d:\d\d:\d\d)(?:(\.\d{3})(?:000)?)?Z", _milliseconds, text))


def _milliseconds(instant: re.Match[str]) -> str:
    return f"{instant[1]}{instant[2] or '.000'}Z"


def test_a_resource_is_read(fhir: FhirHttp, stored: dict[str, Any]) -> None:
    parsed = read(Patient, fhir.get(f"Patient/{stored['id']}"))
    assert parsed.name[0].family == "Œuvrard"
    assert parsed.meta.versionId == "3"
    assert parsed.meta.lastUpdated.tzinfo is not None
    assert parsed.managingOrganization.reference == "#o"


def test_every_page_of_a_searchset_is_read(fhir: FhirHttp, stored: dict[str, Any]) -> None:
    parsed = [
        Bundle.model_validate_json(json.dumps(page, default=str))
        for page in pages(fhir, f"Observation?patient={stored['id']}&_count=3")
    ]
    assert {(page.type, page.total) for page in parsed} == {("searchset", 7)}
    assert [len(page.entry) for page in parsed] == [3, 3, 1]
    for page in parsed:
        assert {"self"} <= {link.relation for link in page.link}
        for one in page.entry:
            assert isinstance(one.resource, Observation)
            assert one.search.mode == "match"
            assert one.fullUrl == f"{fhir.base_url}/Observation/{one.resource.id}"
            assert str(one.resource.valueQuantity.value).endswith(".50")


@pytest.mark.parametrize(
    "search",
    [
        "Observation?patient={id}&_include=Observation:subject",
        "Patient?_id={id}&_revinclude=Observation:patient",
        "Patient?_id={id}&_summary=true",
        "Patient?_id={id}&_elements=name",
        "Patient?_id={id}&_summary=count",
        "Patient?_id=nobody",
        "?_type=Patient,Observation&_count=5",
        "Patient/{id}/*?_type=Observation",
    ],
)
def test_searchsets_of_every_kind_are_read(fhir: FhirHttp, stored: dict[str, Any], search: str) -> None:
    assert read(Bundle, fhir.get(search.format(id=stored["id"]))).type == "searchset"


def test_a_searchset_with_warnings_is_read(fhir: FhirHttp) -> None:
    answer = fhir.get("Patient?nonsense=1&_count=1", headers={"Prefer": "handling=lenient"})
    parsed = read(Bundle, answer)
    assert [e.resource.issue[0].severity for e in parsed.entry if e.search.mode == "outcome"] == ["warning"]


def test_histories_are_read(fhir: FhirHttp, stored: dict[str, Any]) -> None:
    for path in (f"Patient/{stored['id']}/_history", "Patient/_history", "_history?_count=5"):
        assert read(Bundle, fhir.get(path)).type == "history"
    gone = create(fhir, patient())
    fhir.delete(f"Patient/{gone['id']}")
    parsed = read(Bundle, fhir.get(f"Patient/{gone['id']}/_history"))
    assert [(e.request.method, e.response.status[:3]) for e in parsed.entry] == [
        ("DELETE", "204"),
        ("POST", "201"),
    ]
    assert parsed.entry[0].resource is None


def test_the_capability_statement_is_read(fhir: FhirHttp) -> None:
    parsed = read(CapabilityStatement, fhir.get("metadata"))
    assert parsed.fhirVersion == "4.0.1"
    assert len({resource.type for resource in parsed.rest[0].resource}) == 146


def test_outcomes_of_every_status_are_read(fhir: FhirHttp, stored: dict[str, Any]) -> None:
    path = f"Patient/{stored['id']}"
    answers = {
        400: fhir.get("Patient?nonsense=1"),
        401: FhirHttp(fhir.base_url).get(path),
        404: fhir.get("Patient/nobody"),
        405: fhir.put("AuditEvent/1", {"resourceType": "AuditEvent", "id": "1"}),
        406: fhir.get(path, headers={"Accept": "text/turtle"}),
        412: fhir.put(path, stored, headers={"If-Match": 'W/"1"'}),
        415: fhir.put(path, stored, headers={"Content-Type": "text/csv"}),
        422: fhir.put(path, stored | {"gender": "x", "birthDate": "y"}),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert read(OperationOutcome, answer).issue[0].severity == "error"
    assert len(read(OperationOutcome, answers[422]).issue) == 2
    asked = fhir.put(path, stored, headers={"Prefer": "return=OperationOutcome"})
    assert read(OperationOutcome, asked).issue[0].severity == "information"


@pytest.mark.parametrize("type_", ["transaction", "batch"])
def test_the_answers_to_bundles_are_read(fhir: FhirHttp, stored: dict[str, Any], type_: str) -> None:
    sent = bundle(
        type_,
        entry("POST", "Patient", patient()),
        entry("PUT", f"Patient/{stored['id']}", stored),
        entry("GET", f"Observation?patient={stored['id']}&_count=2"),
        entry("DELETE", "Patient/nobody"),
    )
    answer = fhir.post("", sent, headers={"Prefer": "return=representation"})
    parsed = read(Bundle, answer)
    assert parsed.type == f"{type_}-response"
    assert [e.response.status[:3] for e in parsed.entry] == ["201", "200", "200", "204"]
    assert parsed.entry[2].resource.total == 7


def test_a_refused_transaction_and_a_failed_batch_entry_are_read(fhir: FhirHttp) -> None:
    wrong = entry("POST", "Patient", patient(gender="x"))
    refused = read(OperationOutcome, fhir.post("", transaction(wrong)))
    assert refused.issue[0].expression == ["Bundle.entry[0].resource.gender"]
    parsed = read(Bundle, fhir.post("", bundle("batch", wrong)))
    assert parsed.entry[0].response.outcome.issue[0].severity == "error"


def test_the_traces_of_all_this_are_read(fhir: FhirHttp, stored: dict[str, Any]) -> None:
    parsed = read(Bundle, fhir.get(f"AuditEvent?patient={stored['id']}&_count=50"))
    assert len(parsed.entry) > 1
    assert all(isinstance(one.resource, AuditEvent) for one in parsed.entry)
