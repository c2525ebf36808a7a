"""Where the specification leaves room: words for media types, extensions beside the codes of vital signs."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.validation.validate import validate_resource
from tests.unit.validation.profiles import element, profile, source, told

PATIENT: dict[str, Any] = {"resourceType": "Patient"}
OBSERVATION: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
VITAL_SIGN: dict[str, Any] = {
    **OBSERVATION,
    "category": [
        {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                    "code": "vital-signs",
                }
            ]
        }
    ],
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2024-01-01",
}
BESIDE = {"_code": {"extension": [{"url": "http://example.org/x", "valueString": "x"}]}}


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/pdf", []),
        ("text/plain; charset=utf-8", []),
        ("xml", []),
        ("pdf", [("warning", "binding:doubtful")]),
        ("a b", [("error", "binding:required")]),
        ("text/", [("error", "binding:required")]),
    ],
)
def test_a_media_type_without_subtype_is_worth_a_warning(
    content_type: str, expected: list[tuple[str, str]]
) -> None:
    found = validate_resource({**PATIENT, "photo": [{"contentType": content_type, "url": "http://a.org/x"}]})
    assert [(i.severity, i.message_id) for i in found if i.message_id != "invariant:dom-6"] == expected


@pytest.mark.parametrize("code", ["8867-4", "29463-7"])
def test_the_code_of_a_vital_sign_may_have_an_extension(code: str) -> None:
    unit = "/min" if code == "8867-4" else "kg"
    quantity = {"value": 60, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    coding: dict[str, Any] = {"system": "http://loinc.org", "code": code}
    for more in ({}, BESIDE):
        sign = {**VITAL_SIGN, "code": {"coding": [{**coding, **more}]}, "valueQuantity": quantity}
        assert [i for i in validate_resource(sign) if i.severity == "error"] == []
    other = {**VITAL_SIGN, "code": {"coding": [coding]}, "valueQuantity": {**quantity, "code": "m"}}
    assert any(i.severity == "error" for i in validate_resource(other))


def test_the_fixed_code_of_another_profile_may_not() -> None:
    fixed = profile("p", "Observation", element("Observation.status", fixedCode="final"))
    resource = {**OBSERVATION, "status": "final", "_status": BESIDE["_code"]}
    assert told(resource, source(fixed), "p") == [("profile:fixed", "Observation.status.extension")]


@pytest.mark.parametrize(
    ("question", "places"),
    [("1", []), ("2.1", []), ("3", ["Questionnaire.item[1].item[0].enableWhen[0].question"])],
)
def test_a_condition_asks_a_question_of_its_questionnaire(question: str, places: list[str]) -> None:
    asks = {"question": question, "operator": "exists", "answerBoolean": True}
    inner = {"linkId": "2.1", "type": "string", "enableWhen": [asks]}
    items = [{"linkId": "1", "type": "string"}, {"linkId": "2", "type": "group", "item": [inner]}]
    resource = {"resourceType": "Questionnaire", "status": "draft", "item": items}
    assert [i.expression for i in validate_resource(resource) if i.severity == "error"] == places
