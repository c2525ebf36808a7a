"""Profiles that a client has stored are used from then on, and no longer when they are gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from fhir_server.policy import posted
from tests.examples import Resource, body, create, patient
from tests.http_client import FhirHttp

URL = "http://example.org/fhir/StructureDefinition/named-patient"
PROFILE: Resource = {
    "resourceType": "StructureDefinition",
    "url": URL,
    "version": "1.0",
    "name": "NamedPatient",
    "status": "active",
    "fhirVersion": "4.0.1",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {
        "element": [
            {"id": "Patient", "path": "Patient"},
            {"id": "Patient.name", "path": "Patient.name", "min": 1},
        ]
    },
}


@pytest.fixture(autouse=True)
def notice_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posted, "SECONDS", 0.0)


def eventually(holds: Callable[[], bool]) -> bool:
    """A revision read before the fixture lives one second more."""
    for _ in range(20):
        if holds():
            return True
        time.sleep(0.1)
    return False


def rules(answer: Any) -> set[str]:
    found = [issue.get("details", {}).get("coding", [{}])[0].get("code") for issue in body(answer)["issue"]]
    return set(found)


def test_a_stored_profile_is_checked_by_operation_and_write_until_it_is_deleted(fhir: FhirHttp) -> None:
    claiming = patient(meta={"profile": [URL]})
    before = fhir.post("Patient", claiming, headers={"Prefer": "return=OperationOutcome"})
    assert before.status_code == 201
    assert "profile:unknown" in rules(before)

    stored = create(fhir, PROFILE)
    assert eventually(lambda: fhir.post("Patient", claiming).status_code == 422)
    asked = fhir.post("Patient/$validate", patient(), params={"profile": f"{URL}|1.0"})
    assert "cardinality:min" in rules(asked)
    entry = {"request": {"method": "POST", "url": "Patient"}, "resource": claiming}
    assert (
        fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).status_code == 422
    )
    assert fhir.post("Patient", {**claiming, "name": [{"family": "x"}]}).status_code == 201

    looser = {
        **PROFILE,
        "id": stored["id"],
        "differential": {"element": [{"id": "Patient", "path": "Patient"}]},
    }
    assert fhir.put(f"StructureDefinition/{stored['id']}", looser).status_code == 200
    assert eventually(lambda: fhir.post("Patient", claiming).status_code == 201)

    fhir.delete(f"StructureDefinition/{stored['id']}")
    unknown = {"profile": URL}
    assert eventually(
        lambda: "profile:unknown" in rules(fhir.post("Patient/$validate", patient(), params=unknown))
    )


@pytest.mark.parametrize(
    "change",
    [
        {"baseDefinition": URL},
        {"baseDefinition": "http://example.org/nothing"},
        {"differential": {"element": [{"id": "Patient.nothing", "path": "Patient.nothing", "min": 1}]}},
        {
            "differential": {
                "element": [
                    {
                        "id": "Patient",
                        "path": "Patient",
                        "constraint": [
                            {"key": "x-1", "severity": "error", "human": "x", "expression": "name.where("}
                        ],
                    }
                ]
            }
        },
    ],
)
def test_a_bad_profile_is_told_and_harms_nothing_else(fhir: FhirHttp, change: Resource) -> None:
    url = f"http://example.org/fhir/StructureDefinition/bad-{abs(hash(str(change)))}"
    sent = {**PROFILE, "url": url, **change}
    if sent["baseDefinition"] == URL:
        sent["baseDefinition"] = url
    answer = fhir.post("StructureDefinition", sent)
    assert answer.status_code in (201, 422), answer.text
    asked = fhir.post("Patient/$validate", patient(), params={"profile": url})
    assert asked.status_code == 200, asked.text
    assert fhir.post("Patient", patient()).status_code == 201
    assert fhir.post("Patient", patient(meta={"profile": [url]})).status_code in (201, 422)
