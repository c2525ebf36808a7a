"""FHIR patch: JSON Patch and FHIRPath Patch. https://hl7.org/fhir/R4/http.html#patch"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.examples import Resource, body, create, patient, problem, total
from tests.http_client import PATCH_JSON, FhirHttp


@pytest.fixture
def path(fhir: FhirHttp) -> str:
    return f"Patient/{create(fhir, patient(active=True, name=[{'family': 'Curie'}]))['id']}"


def fhirpath_patch(type_: str, path: str, **parts: Any) -> Resource:
    """Returns Parameters with one operation; parts by name, values as {"valueString": …}."""
    part: list[Resource] = [{"name": "type", "valueCode": type_}, {"name": "path", "valueString": path}]
    part += [{"name": name, **value} for name, value in parts.items()]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part}]}


def test_a_json_patch_makes_the_next_version(fhir: FhirHttp, path: str) -> None:
    answer = fhir.patch(path, [{"op": "replace", "path": "/active", "value": False}])
    assert answer.status_code == 200
    assert answer.headers["ETag"] == 'W/"2"'
    assert answer.headers["Location"] == f"{fhir.base_url}/{path}/_history/2"
    found = body(fhir.get(path))
    assert found["active"] is False
    assert found["name"] == [{"family": "Curie"}]
    assert found["meta"]["versionId"] == "2"
    assert body(fhir.get(f"{path}/_history"))["entry"][0]["request"]["method"] == "PATCH"


def test_a_fhirpath_patch_makes_the_next_version(fhir: FhirHttp, path: str) -> None:
    change = fhirpath_patch("replace", "Patient.active", value={"valueBoolean": False})
    answer = fhir.patch(path, change)
    assert answer.status_code == 200, answer.text
    assert body(answer)["active"] is False
    assert answer.headers["ETag"] == 'W/"2"'


def test_a_fhirpath_patch_may_come_as_plain_json(fhir: FhirHttp, path: str) -> None:
    change = fhirpath_patch("delete", "Patient.active")
    answer = fhir.patch(path, change, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert "active" not in body(answer)


def test_a_failed_test_changes_nothing(fhir: FhirHttp, path: str) -> None:
    operations = [
        {"op": "replace", "path": "/active", "value": False},
        {"op": "test", "path": "/name/0/family", "value": "Joliot"},
    ]
    problem(fhir.patch(path, operations), 422)
    assert body(fhir.get(path))["active"] is True
    assert fhir.get(path).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "replace", "path": "/gender", "value": "blue"}],
        [{"op": "add", "path": "/colour", "value": "blue"}],
        [{"op": "replace", "path": "/id", "value": "other"}],
        [{"op": "remove", "path": "/id"}],
        [{"op": "replace", "path": "/resourceType", "value": "Group"}],
        [{"op": "replace", "path": "", "value": {"resourceType": "Patient"}}],
        [{"op": "replace", "path": "", "value": 1}],
        [{"op": "remove", "path": "/name/7"}],
        [{"op": "add", "path": "/$where", "value": "1"}],
        [{"op": "add", "path": "/meta", "value": {"versionId": 9}}],
    ],
)
def test_a_patch_to_something_invalid_is_422_and_changes_nothing(
    fhir: FhirHttp, path: str, operations: list[Resource]
) -> None:
    problem(fhir.patch(path, operations), 422)
    assert fhir.get(path).headers["ETag"] == 'W/"1"'


def test_version_and_time_cannot_be_patched(fhir: FhirHttp, path: str) -> None:
    operations = [
        {"op": "replace", "path": "/meta/versionId", "value": "77"},
        {"op": "replace", "path": "/meta/lastUpdated", "value": "1999-01-01T00:00:00Z"},
    ]
    meta = body(fhir.patch(path, operations))["meta"]
    assert meta["versionId"] == "2"
    assert not meta["lastUpdated"].startswith("1999")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'[{"op":"explode","path":"/x"}]',
        b'[{"op":"add","path":"active","value":1}]',
        b"[1]",
        b"[",
    ],
)
def test_what_is_no_json_patch_is_400(fhir: FhirHttp, path: str, data: bytes) -> None:
    problem(fhir.patch(path, data, headers={"Content-Type": PATCH_JSON}), 400)


@pytest.mark.parametrize(
    "document", [patient(), {"resourceType": "Parameters"}, {"resourceType": "Parameters", "parameter": []}]
)
def test_what_is_no_fhirpath_patch_is_refused(fhir: FhirHttp, path: str, document: Resource) -> None:
    answer = fhir.patch(path, document)
    assert answer.status_code in (400, 422), answer.text
    assert fhir.get(path).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize(
    "media_type",
    ["application/xml-patch+xml", "text/plain", "application/merge-patch+json", "", "text/turtle"],
)
def test_other_patch_formats_are_415(fhir: FhirHttp, path: str, media_type: str) -> None:
    problem(fhir.patch(path, b"[]", headers={"Content-Type": media_type}), 415)


def test_a_json_patch_media_type_is_only_for_patch(fhir: FhirHttp) -> None:
    problem(fhir.post("Patient", patient(), headers={"Content-Type": PATCH_JSON}), 415)


def test_a_patch_of_nothing_is_404(fhir: FhirHttp) -> None:
    problem(fhir.patch("Patient/nothing", [{"op": "remove", "path": "/active"}]), 404)


@pytest.mark.parametrize(("header", "status"), [('W/"1"', 200), ('W/"2"', 412), ("x", 400)])
def test_if_match_guards_a_patch(fhir: FhirHttp, path: str, header: str, status: int) -> None:
    operations = [{"op": "remove", "path": "/active"}]
    assert fhir.patch(path, operations, headers={"If-Match": header}).status_code == status


def test_prefer_minimal_sends_no_body(fhir: FhirHttp, path: str) -> None:
    operations = [{"op": "remove", "path": "/active"}]
    answer = fhir.patch(path, operations, headers={"Prefer": "return=minimal"})
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["ETag"] == 'W/"2"'


def test_decimals_survive_a_patch_of_something_else(fhir: FhirHttp) -> None:
    data = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":1.00,"unit":"g"}}'
    )
    stored = body(fhir.post("Observation", data))
    path = f"Observation/{stored['id']}"
    fhir.patch(path, [{"op": "replace", "path": "/status", "value": "amended"}])
    assert b'"value":1.00,' in fhir.get(path).content


# --- conditional ------------------------------------------------------------------------------------


def test_a_conditional_patch_changes_the_one_match(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    create(fhir, patient(key))
    answer = fhir.patch(f"Patient?identifier={key}", [{"op": "add", "path": "/active", "value": True}])
    assert answer.status_code == 200
    assert body(answer)["active"] is True
    assert total(fhir, f"Patient?identifier={key}&active=true") == 1


@pytest.mark.parametrize(("count", "status"), [(0, 404), (2, 412)])
def test_a_conditional_patch_of_none_or_several_is_refused(fhir: FhirHttp, count: int, status: int) -> None:
    key = uuid.uuid4().hex
    for _ in range(count):
        create(fhir, patient(key))
    operations = [{"op": "add", "path": "/active", "value": True}]
    problem(fhir.patch(f"Patient?identifier={key}", operations), status)
    assert total(fhir, f"Patient?identifier={key}&active=true") == 0


@pytest.mark.parametrize("query", ["", "?colour=x", "?_count=1", "?identifier="])
def test_a_conditional_patch_needs_criteria_it_knows(fhir: FhirHttp, query: str) -> None:
    operations = [{"op": "add", "path": "/active", "value": True}]
    problem(fhir.patch(f"Patient{query}", operations, headers={"Prefer": "handling=lenient"}), 400)


# --- in a Bundle ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"resourceType": "Binary", "contentType": "application/json", "data": "W10="},
        {"resourceType": "Binary", "contentType": PATCH_JSON},
        {"resourceType": "Binary", "contentType": PATCH_JSON, "data": "e30="},
        {"resourceType": "Patient"},
    ],
)
@pytest.mark.parametrize("type_", ["batch", "transaction"])
def test_an_entry_that_is_no_patch_is_refused(
    fhir: FhirHttp, path: str, type_: str, document: Resource
) -> None:
    row = {"resource": document, "request": {"method": "PATCH", "url": path}}
    answer = fhir.post("", {"resourceType": "Bundle", "type": type_, "entry": [row]})
    if type_ == "batch":
        assert body(answer)["entry"][0]["response"]["status"][0] == "4"
    else:
        assert answer.status_code in (400, 422)
    assert fhir.get(path).headers["ETag"] == 'W/"1"'
