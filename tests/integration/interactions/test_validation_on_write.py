"""What a write is checked for: the setting VALIDATION, all issues at once, warnings for those who ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.validation.corpus import all_cases
from tests.examples import Resource, batch, body, entries, entry, observation, patient, transaction
from tests.http_client import FHIR_JSON, FhirHttp
from tests.running_server import run_server

ASK = {"Prefer": "return=OperationOutcome"}
# Each breaks one more thing than the one before: nothing, an invariant, the structure.
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
UUID = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
WITHOUT_NARRATIVE = patient()
AGAINST_PAT_1 = patient(contact=[{"gender": "male"}])
UNKNOWN_ELEMENT = patient(colour="blue")
LEVELS = {
    "full": [201, 422, 422],
    "structure": [201, 201, 422],
    "off": [201, 201, 201],
}


@pytest.fixture(scope="module", params=LEVELS)
def checked(
    request: pytest.FixtureRequest, mongodb_uri: str, database_name: str
) -> Iterator[tuple[str, FhirHttp]]:
    """A server with one level of the setting."""
    with run_server(mongodb_uri, database_name, VALIDATION=request.param) as running:
        yield request.param, running.client()


def test_the_setting_says_what_a_create_is_refused_for(checked: tuple[str, FhirHttp]) -> None:
    level, fhir = checked
    sent = [WITHOUT_NARRATIVE, AGAINST_PAT_1, UNKNOWN_ELEMENT]
    assert [fhir.post("Patient", one).status_code for one in sent] == LEVELS[level]


def test_the_setting_holds_for_updates_patches_and_bundles_alike(checked: tuple[str, FhirHttp]) -> None:
    level, fhir = checked
    created = body(fhir.post("Patient", WITHOUT_NARRATIVE))
    url = f"Patient/{created['id']}"
    refused = LEVELS[level][1] == 422
    update = fhir.put(url, {**AGAINST_PAT_1, "id": created["id"]})
    patched = fhir.patch(url, [{"op": "add", "path": "/contact", "value": AGAINST_PAT_1["contact"]}])
    assert [a.status_code for a in (update, patched)] == [422 if refused else 200] * 2
    whole = fhir.post("", transaction(entry("POST", "Patient", AGAINST_PAT_1)))
    assert whole.status_code == (422 if refused else 200)
    (row,) = entries(body(fhir.post("", batch(entry("POST", "Patient", AGAINST_PAT_1)))))
    assert row["response"]["status"][:3] == ("422" if refused else "201")


def test_a_bundle_that_cannot_be_carried_out_is_refused_at_every_level(checked: tuple[str, FhirHttp]) -> None:
    _, fhir = checked
    strange: list[Any] = [{"request": {"method": "FETCH", "url": "Patient"}}, 5, None, [], {"request": 5}]
    for row in strange:
        answer = fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [row]})
        assert answer.status_code in (400, 422), answer.text


def test_no_broken_resource_makes_the_server_fail(checked: tuple[str, FhirHttp]) -> None:
    level, fhir = checked
    rules = ("json-type", "empty", "format", "choice", "extension", "json")
    sent = [case for case in all_cases() if case.rule in rules][::9]
    for case in sent:
        type_ = case.id.split("/")[1]
        headers = {"Content-Type": FHIR_JSON}
        answer = fhir.request("POST", type_, data=case.text.encode(), headers=headers)
        assert answer.status_code < 500, (case.id, case.way, answer.text)
        if case.rule != "json" and level == "off":
            answer = fhir.post("", transaction(entry("POST", type_, json.loads(case.text))))
            assert answer.status_code < 500, (case.id, case.way, answer.text)


def test_all_errors_come_at_once_with_the_rule_that_speaks(fhir: FhirHttp) -> None:
    sent = patient(gender="x", birthDate="1990-02-31", contact=[{"gender": "male"}])
    answer = fhir.post("Patient", sent)
    assert answer.status_code == 422
    errors = [issue for issue in body(answer)["issue"] if issue["severity"] == "error"]
    assert {issue["expression"][0] for issue in errors} >= {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.contact[0]",
    }
    assert all(issue["details"]["coding"][0]["code"] for issue in errors)


def told(answer: Any) -> dict[str, list[Resource]]:
    """Issues by severity."""
    found: dict[str, list[Resource]] = {}
    for issue in body(answer)["issue"]:
        found.setdefault(issue["severity"], []).append(issue)
    return found


def test_warnings_are_returned_to_those_who_ask_for_an_outcome(fhir: FhirHttp) -> None:
    answer = fhir.post("Patient", WITHOUT_NARRATIVE, headers=ASK)
    assert answer.status_code == 201
    issues = told(answer)
    codes = {issue["details"]["coding"][0]["code"] for issue in issues["warning"]}
    assert codes == {"invariant:dom-6"}
    assert issues["information"][0]["diagnostics"].endswith("created as version 1")
    assert "warning" not in told(fhir.post("Patient", patient(text=NARRATIVE), headers=ASK))


def test_warnings_come_with_updates_and_inside_bundles_too(fhir: FhirHttp) -> None:
    created = body(fhir.post("Patient", WITHOUT_NARRATIVE))
    updated = fhir.put(f"Patient/{created['id']}", {**WITHOUT_NARRATIVE, "id": created["id"]}, headers=ASK)
    assert "warning" in told(updated)
    answer = fhir.post("", transaction(entry("POST", "Patient", WITHOUT_NARRATIVE)), headers=ASK)
    outcome = entries(body(answer))[0]["response"]["outcome"]
    assert "warning" in {issue["severity"] for issue in outcome["issue"]}


@pytest.mark.parametrize(
    "literal",
    [
        "1",
        "patient/1",
        "Nothing/1",
        "Patient/",
        "/Patient/1",
        "Patient/1/2",
        "../Patient/1",
        "é",
        "Patient/a$b|c,d",
    ],
)
def test_a_reference_that_leads_nowhere_is_stored_found_and_followed_without_harm(
    fhir: FhirHttp, literal: str
) -> None:
    sent = observation(literal, performer=[{"reference": literal}])
    created = fhir.post("Observation", sent, headers=ASK)
    assert created.status_code == 201, created.text
    assert "reference:form" in {i["details"]["coding"][0]["code"] for i in told(created)["warning"]}
    answer = fhir.post("", transaction(entry("POST", "Observation", sent, UUID), entry("GET", "Observation")))
    assert answer.status_code == 200, answer.text
    id_ = created.headers["Location"].split("/Observation/")[1].split("/")[0]
    assert body(fhir.get(f"Observation/{id_}"))["subject"] == {"reference": literal}
    for query in (
        {"_include": "*", "_id": id_},
        {"_id": id_, "_include": "Observation:subject", "_revinclude": "Provenance:target"},
        {"_id": id_, "subject:Patient.name": "x"},
        {"_id": id_, "subject:missing": "false"},
        {"_id": id_, "_sort": "subject"},
        {"subject": literal},
        {"patient": literal},
        {"subject:identifier": literal},
    ):
        found = fhir.get("Observation", params=query)
        assert found.status_code in (200, 400), (query, found.text)
    assert fhir.get("Observation/_history").status_code == 200
    assert fhir.delete(f"Observation/{id_}").status_code in (200, 204)


def test_a_profile_that_the_server_does_not_know_is_no_reason_to_refuse(fhir: FhirHttp) -> None:
    sent = observation("Patient/x", meta={"profile": ["http://example.org/StructureDefinition/unknown"]})
    answer = fhir.post("Observation", sent, headers=ASK)
    assert answer.status_code == 201, answer.text
    assert any("unknown" in issue["diagnostics"] for issue in told(answer)["warning"])
