"""FHIR vread. https://hl7.org/fhir/R4/http.html#vread"""

from __future__ import annotations

import pytest

from tests.examples import body, create, patient, problem
from tests.http_client import FhirHttp


@pytest.fixture(scope="module")
def path(fhir: FhirHttp) -> str:
    """Three versions: created, updated, deleted."""
    stored = create(fhir, patient(active=True))
    path = f"Patient/{stored['id']}"
    assert fhir.put(path, patient(id=stored["id"], active=False)).status_code == 200
    assert fhir.delete(path).status_code == 204
    return path


@pytest.mark.parametrize(("version", "active"), [("1", True), ("2", False)])
def test_each_version_stays_as_it_was(fhir: FhirHttp, path: str, version: str, active: bool) -> None:
    answer = fhir.get(f"{path}/_history/{version}")
    assert answer.status_code == 200
    assert answer.headers["ETag"] == f'W/"{version}"'
    assert body(answer)["active"] is active
    assert body(answer)["meta"]["versionId"] == version


def test_the_version_of_the_delete_is_410(fhir: FhirHttp, path: str) -> None:
    problem(fhir.get(f"{path}/_history/3"), 410)


def test_the_current_version_can_be_asked_by_number(fhir: FhirHttp) -> None:
    stored = create(fhir, patient())
    answer = fhir.get(f"Patient/{stored['id']}/_history/1")
    assert body(answer) == stored


@pytest.mark.parametrize(
    "version",
    ["4", "0", "-1", "01", "1.0", "x", "99999999999999999999", "%00", "1e0", "$ne", "²", "١", "{}", " 1"],
)
def test_a_version_that_never_was_is_404(fhir: FhirHttp, path: str, version: str) -> None:
    problem(fhir.get(f"{path}/_history/{version}"), 404)


def test_a_version_of_nothing_is_404(fhir: FhirHttp) -> None:
    problem(fhir.get("Patient/nothing/_history/1"), 404)


def test_a_conditional_vread_is_304(fhir: FhirHttp, path: str) -> None:
    answer = fhir.get(f"{path}/_history/1", headers={"If-None-Match": 'W/"1"'})
    assert answer.status_code == 304


def test_head_of_a_version(fhir: FhirHttp, path: str) -> None:
    assert fhir.head(f"{path}/_history/2").headers["ETag"] == 'W/"2"'


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_a_version_cannot_be_changed(fhir: FhirHttp, path: str, method: str) -> None:
    answer = fhir.request(
        method,
        f"{path}/_history/1",
        data=b'{"resourceType":"Patient"}',
        headers={"Content-Type": "application/fhir+json"},
    )
    problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}
