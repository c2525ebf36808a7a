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


SHOE_SIZE = "http://example.org/fhir/StructureDefinition/shoe-size"
EXTENSION: Resource = {
    **PROFILE,
    "url": SHOE_SIZE,
    "kind": "complex-type",
    "type": "Extension",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
    "context": [{"type": "element", "expression": "Patient"}],
    "differential": {
        "element": [
            {"id": "Extension", "path": "Extension"},
            {
                "id": "Extension.url",
                "path": "Extension.url",
                "fixedUri": "http://example.org/fhir/StructureDefinition/shoe-size",
            },
            {
                "id": "Extension.value[x]",
                "path": "Extension.value[x]",
                "min": 1,
                "type": [{"code": "integer"}],
            },
        ]
    },
}


def test_an_extension_is_checked_by_its_stored_definition_though_no_profile_is_named(fhir: FhirHttp) -> None:
    url = EXTENSION["url"]
    wrong = patient(extension=[{"url": url, "valueString": "38"}])
    assert fhir.post("Patient", wrong).status_code == 201
    create(fhir, EXTENSION)
    assert eventually(lambda: fhir.post("Patient", wrong).status_code == 422)
    assert fhir.post("Patient", patient(extension=[{"url": url, "valueInteger": 38}])).status_code == 201
    misplaced = patient(name=[{"family": "x", "extension": [{"url": url, "valueInteger": 38}]}])
    assert "extension:context" in rules(fhir.post("Patient", misplaced))
    inside = patient(
        contained=[{**wrong, "id": "c"}], link=[{"other": {"reference": "#c"}, "type": "seealso"}]
    )
    assert fhir.post("Patient", inside).status_code == 422
    entry = {"request": {"method": "POST", "url": "Patient"}, "resource": wrong}
    for type_ in ("transaction", "batch"):
        answer = fhir.post("", {"resourceType": "Bundle", "type": type_, "entry": [entry]})
        assert "422" in str(answer.status_code) or "422" in body(answer)["entry"][0]["response"]["status"]


def test_a_response_is_checked_by_a_stored_questionnaire(fhir: FhirHttp) -> None:
    questionnaire = {
        "resourceType": "Questionnaire",
        "url": "http://example.org/fhir/Questionnaire/shoes",
        "status": "active",
        "item": [{"linkId": "size", "type": "integer", "required": True}],
    }
    answers = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": questionnaire["url"],
        "status": "completed",
        "item": [{"linkId": "size", "answer": [{"valueString": "38"}]}],
    }
    assert fhir.post("QuestionnaireResponse", answers).status_code == 201
    create(fhir, questionnaire)
    assert eventually(lambda: fhir.post("QuestionnaireResponse", answers).status_code == 422)
    answers["item"] = [{"linkId": "size", "answer": [{"valueInteger": 38}]}]
    assert fhir.post("QuestionnaireResponse", answers).status_code == 201


def test_an_unknown_extension_asks_the_database_only_when_something_was_stored(
    fhir: FhirHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(fhir, {**EXTENSION, "url": EXTENSION["url"] + "-2"})
    monkeypatch.setattr(posted, "SECONDS", 2.0)
    sent = patient(extension=[{"url": "http://example.org/never-stored-1", "valueString": "x"}])
    assert fhir.post("Patient", sent).status_code == 201
    asked: list[str] = []
    for name in ("last_change", "index_entries", "find"):
        original = getattr(posted.Resources, name)

        def spy(self: Any, *arguments: Any, _name: str = name, _original: Any = original, **more: Any) -> Any:
            asked.append(_name)
            return _original(self, *arguments, **more)

        monkeypatch.setattr(posted.Resources, name, spy)
    for i in range(5):
        many = [{"url": f"http://example.org/never-stored-{i}-{j}", "valueString": "x"} for j in range(20)]
        assert fhir.post("Patient", patient(extension=many)).status_code == 201
    assert asked == []
