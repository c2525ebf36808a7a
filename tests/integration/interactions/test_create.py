"""FHIR create and conditional create. https://hl7.org/fhir/R4/http.html#create"""

from __future__ import annotations

import re

import pytest

from tests.examples import (
    SYSTEM_URI,
    body,
    create,
    entry,
    observation,
    patient,
    problem,
    total,
    transaction,
)
from tests.http_client import FhirHttp


def test_a_create_tells_where_the_resource_is(fhir: FhirHttp) -> None:
    answer = fhir.post("Patient", patient("c1"))
    assert answer.status_code == 201
    stored = body(answer)
    assert answer.headers["Location"] == f"{fhir.base_url}/Patient/{stored['id']}/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"]
    assert body(fhir.get(answer.headers["Location"])) == stored
    assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", stored["id"])


def test_the_server_gives_id_version_and_time_whatever_the_client_says(fhir: FhirHttp) -> None:
    meta = {"versionId": "77", "lastUpdated": "1999-01-01T00:00:00Z", "tag": [{"code": "kept"}]}
    stored = create(fhir, patient(id="mine", meta=meta))
    assert stored["id"] != "mine"
    assert stored["meta"]["versionId"] == "1"
    assert not stored["meta"]["lastUpdated"].startswith("1999")
    assert stored["meta"]["tag"] == [{"code": "kept"}]
    problem(fhir.get("Patient/mine"), 404)


def test_two_creates_are_two_resources(fhir: FhirHttp) -> None:
    assert create(fhir, patient("twice"))["id"] != create(fhir, patient("twice"))["id"]


@pytest.mark.parametrize("path", ["Observation", "Bundle"])
def test_a_resource_of_another_type_than_the_url_is_refused(fhir: FhirHttp, path: str) -> None:
    assert problem(fhir.post(path, patient()), 400)["expression"] == ["resourceType"]


def test_an_unknown_type_in_the_url_is_404(fhir: FhirHttp) -> None:
    problem(fhir.post("Client", {"resourceType": "Client"}), 404)


def test_an_unknown_type_in_the_body_is_refused(fhir: FhirHttp) -> None:
    assert problem(fhir.post("Patient", {"resourceType": "Client"}), 400)["expression"] == ["resourceType"]


def test_an_invalid_resource_names_each_culprit_and_is_not_stored(fhir: FhirHttp) -> None:
    before = total(fhir, "Patient?")
    answer = fhir.post("Patient", patient(gender="x", birthDate="2020-02-30", colour="blue"))
    assert answer.status_code == 422
    expressions = {e for issue in body(answer)["issue"] for e in issue.get("expression", [])}
    assert {"Patient.gender", "Patient.birthDate"} <= expressions
    assert any("colour" in e for e in expressions)
    assert total(fhir, "Patient?") == before


@pytest.mark.parametrize("data", [b"", b"   ", b"null", b"[]", b'"Patient"', b"1", b"{}", b"{", b"true"])
def test_what_is_no_resource_is_400(fhir: FhirHttp, data: bytes) -> None:
    problem(fhir.post("Patient", data), 400)


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        (None, "Patient"),
        ("return=representation", "Patient"),
        ('return="representation"', "Patient"),
        ("return=minimal", None),
        ("return=OperationOutcome", "OperationOutcome"),
        ("handling=lenient, return=minimal", None),
        ("handling=strict; return=OperationOutcome", "OperationOutcome"),
        ("return=nonsense", "Patient"),
    ],
)
def test_the_client_chooses_the_body(fhir: FhirHttp, prefer: str | None, expected: str | None) -> None:
    answer = fhir.post("Patient", patient(), headers={"Prefer": prefer} if prefer else None)
    assert answer.status_code == 201
    assert answer.headers["Location"]
    assert answer.headers["ETag"] == 'W/"1"'
    if expected is None:
        assert answer.content == b""
        assert "Content-Type" not in answer.headers
    else:
        assert body(answer)["resourceType"] == expected


# --- conditional ------------------------------------------------------------------------------------


def test_if_none_exist_creates_once_and_then_finds(fhir: FhirHttp) -> None:
    condition = {"If-None-Exist": f"identifier={SYSTEM_URI}|once"}
    first = fhir.post("Patient", patient("once"), headers=condition)
    assert first.status_code == 201
    second = fhir.post("Patient", patient("once", active=True), headers=condition)
    assert second.status_code == 200
    assert second.headers["Location"] == first.headers["Location"]
    assert body(second) == body(first)
    assert total(fhir, "Patient?identifier=once") == 1


def test_if_none_exist_with_several_matches_is_412(fhir: FhirHttp) -> None:
    for _ in range(2):
        create(fhir, patient("many"))
    answer = fhir.post("Patient", patient("many"), headers={"If-None-Exist": "identifier=many"})
    assert problem(answer, 412)["code"] == "multiple-matches"
    assert total(fhir, "Patient?identifier=many") == 2


def test_if_none_exist_does_not_see_the_deleted(fhir: FhirHttp) -> None:
    stored = create(fhir, patient("phoenix"))
    assert fhir.delete(f"Patient/{stored['id']}").status_code == 204
    answer = fhir.post("Patient", patient("phoenix"), headers={"If-None-Exist": "identifier=phoenix"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "criteria",
    [
        "",
        "?",
        "&&",
        "_count=1",
        "_sort=_id&_format=json",
        "colour=blue",
        "identifier=",
        "identifier:whatever=1",
        "identifier=1&colour=blue",
        "birthdate=yesterday",
        "&".join(f"identifier={i}" for i in range(150)),
        "identifier=%FF",
        "identifier=%00",
    ],
)
def test_criteria_that_are_not_understood_create_nothing(fhir: FhirHttp, criteria: str) -> None:
    before = total(fhir, "Patient?")
    headers = {"If-None-Exist": criteria, "Prefer": "handling=lenient"}
    answer = fhir.post("Patient", patient("x"), headers=headers)
    assert answer.status_code in (400, 403), answer.text
    assert body(answer)["resourceType"] == "OperationOutcome"
    assert total(fhir, "Patient?") == before


def test_criteria_are_url_encoded_text(fhir: FhirHttp) -> None:
    create(fhir, patient(name=[{"family": "Éluard"}]))
    headers = {"If-None-Exist": "family=%C3%89luard&identifier:missing=true"}
    assert fhir.post("Patient", patient(), headers=headers).status_code in (200, 400)
    headers = {"If-None-Exist": "family=%C3%89luard"}
    assert fhir.post("Patient", patient(), headers=headers).status_code == 200


def test_another_type_with_the_same_identifier_is_no_match(fhir: FhirHttp) -> None:
    create(fhir, patient("shared"))
    resource = observation("Patient/1", identifier=[{"system": SYSTEM_URI, "value": "shared"}])
    headers = {"If-None-Exist": "identifier=shared"}
    assert fhir.post("Observation", resource, headers=headers).status_code == 201


def test_post_to_an_instance_is_405(fhir: FhirHttp) -> None:
    answer = fhir.post("Patient/1", patient())
    problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "PUT", "PATCH", "DELETE", "HEAD"}


def test_criteria_in_the_url_of_a_create_are_refused_and_make_no_duplicate(fhir: FhirHttp) -> None:
    search = f"Patient?identifier={SYSTEM_URI}|in-the-url"
    issue = problem(fhir.post(search, patient("in-the-url")), 400)
    assert "If-None-Exist" in issue["diagnostics"]
    posted = transaction(entry("POST", search, patient("in-the-url")))
    assert problem(fhir.post("", posted), 400)["expression"] == ["Bundle.entry[0].request.url"]
    answers = body(fhir.post("", posted | {"type": "batch"}))["entry"]
    assert answers[0]["response"]["status"].startswith("400")
    assert total(fhir, search) == 0
    assert fhir.post("Patient?_pretty=true&_summary=true", patient("in-the-url")).status_code == 201
