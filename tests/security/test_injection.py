"""Nothing a client writes becomes an operator of the database. https://owasp.org/www-project-web-security-testing-guide/"""

from __future__ import annotations

import uuid

import pytest

from tests.examples import batch, body, create, entries, entry, patient, total
from tests.http_client import FhirHttp

OPERATORS = [
    '{"$ne":null}', '{"$gt":""}', '{"$regex":".*"}', '{"$where":"sleep(5000)"}', "$ne", "[$ne]", "$where",
    "';return true;//", "'||'1'=='1", ".*", "^", "(a+)+$", "\\", "%", "*", "a|b", "$$ROOT", "$_id",
    "{}", "[]",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def somebody(fhir: FhirHttp) -> str:
    return str(create(fhir, patient("somebody", name=[{"family": "Somebody"}], active=True))["id"])


@pytest.mark.parametrize("text", OPERATORS)
@pytest.mark.parametrize("parameter", ["_id", "identifier", "family", "general-practitioner", "organization"])
def test_in_the_value_of_a_parameter(fhir: FhirHttp, parameter: str, text: str) -> None:
    answer = fhir.get("Patient", {parameter: text})
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 200:
        assert entries(body(answer)) == []


@pytest.mark.parametrize("text", OPERATORS)
def test_in_the_value_of_a_date_or_number(fhir: FhirHttp, text: str) -> None:
    assert fhir.get("Patient", {"birthdate": text}).status_code == 400
    assert fhir.get("Patient", {"_lastUpdated": text}).status_code == 400
    assert fhir.get("RiskAssessment", {"probability": text}).status_code == 400
    assert fhir.get("Patient", {"_count": text}).status_code == 400
    assert fhir.get("Patient", {"_sort": text}).status_code == 400


@pytest.mark.parametrize(
    "name",
    [
        "identifier[$ne]",
        "identifier[]",
        "identifier.$ne",
        "$where",
        "$or",
        "p",
        "t",
        "z",
        "_id[$gt]",
        "vis",
        "lu",
        "__proto__",
        "_id:$ne",
        "identifier:$regex",
    ],
)
def test_in_the_name_of_a_parameter(fhir: FhirHttp, name: str) -> None:
    assert fhir.get("Patient", {name: "x"}).status_code == 400
    assert fhir.search("Patient", {name: "x"}, post=True).status_code == 400
    assert fhir.delete("Patient", {name: "x"}).status_code == 400


@pytest.mark.parametrize("text", OPERATORS)
def test_in_an_id(fhir: FhirHttp, text: str) -> None:
    for method in ("GET", "DELETE"):
        (row,) = entries(body(fhir.post("", batch(entry(method, f"Patient/{text}".replace("%", "%25"))))))
        assert row["response"]["status"] in ("400", "404", "422"), row
    assert fhir.put("Patient/x", {"resourceType": "Patient", "id": text}).status_code in (400, 422)


@pytest.mark.parametrize("text", OPERATORS)
@pytest.mark.parametrize(
    "header", ["If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "Prefer"]
)
def test_in_a_header(fhir: FhirHttp, header: str, text: str) -> None:
    key = uuid.uuid4().hex
    path = f"Patient/{create(fhir, patient(key))['id']}"
    answer = fhir.put(path, patient(key, id=path[8:]), headers={header: text})
    assert answer.status_code in ((400, 412) if header == "If-Match" else (200,))
    before = total(fhir, "Patient?identifier=somebody")
    answer = fhir.post("Patient", patient(key), headers={header: text})
    assert answer.status_code == (400 if header == "If-None-Exist" else 201), answer.text
    assert fhir.get(path, headers={header: text}).status_code in (200, 304)
    assert total(fhir, "Patient?identifier=somebody") == before


@pytest.mark.parametrize("text", OPERATORS)
def test_operators_in_criteria_are_text(fhir: FhirHttp, somebody: str, text: str) -> None:
    answer = fhir.post(
        "Patient", patient(), headers={"If-None-Exist": f"identifier={text.replace('%', '%25')}"}
    )
    assert answer.status_code in (201, 400)  # never 200: it matches nobody
    fhir.delete("Patient", {"identifier": text})
    fhir.delete("Patient", {"family": text})
    assert fhir.get(f"Patient/{somebody}").status_code == 200


@pytest.mark.parametrize("text", OPERATORS)
def test_in_stored_text(fhir: FhirHttp, text: str) -> None:
    stored = create(fhir, patient(text, name=[{"family": text}]))
    assert body(fhir.get(f"Patient/{stored['id']}")) == stored
    found = entries(body(fhir.get("Patient", {"family:exact": text})))
    assert stored["id"] in {row["resource"]["id"] for row in found} or not text.strip("\\,|$")


@pytest.mark.parametrize("text", ["(a+)+$", "a" * 10_000, "(" * 5000, "\\" * 5000, ".*" * 2000])
def test_no_pattern_of_a_client_is_run(fhir: FhirHttp, text: str) -> None:
    answer = fhir.get("Patient", {"family": text})
    assert answer.status_code in (200, 400, 414)
    assert answer.elapsed.total_seconds() < 3
