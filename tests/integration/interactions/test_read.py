"""FHIR read, as a pedantic client asks for it. https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

from email.utils import format_datetime, parsedate_to_datetime

import pytest

from tests.examples import body, create, patient, problem
from tests.http_client import FhirHttp


@pytest.fixture(scope="module")
def path(fhir: FhirHttp) -> str:
    return f"Patient/{create(fhir, patient('read', active=True))['id']}"


def test_the_resource_comes_back_with_its_version_and_time(fhir: FhirHttp, path: str) -> None:
    answer = fhir.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert answer.headers["ETag"] == 'W/"1"'
    found = body(answer)
    assert f"Patient/{found['id']}" == path
    assert found["meta"]["versionId"] == "1"
    changed = parsedate_to_datetime(answer.headers["Last-Modified"])
    assert format_datetime(changed, usegmt=True) == answer.headers["Last-Modified"]
    assert found["meta"]["lastUpdated"].startswith(changed.strftime("%Y-%m-%dT%H:%M:%S"))
    assert found["active"] is True


def test_health_data_is_kept_by_nobody_on_the_way(fhir: FhirHttp, path: str) -> None:
    assert fhir.get(path).headers["Cache-Control"] == "no-store"


def test_head_answers_like_get_without_a_body(fhir: FhirHttp, path: str) -> None:
    got, head = fhir.get(path), fhir.head(path)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("ETag", "Last-Modified", "Content-Type", "Content-Length"):
        assert head.headers[name] == got.headers[name]


def test_head_of_nothing_is_404_without_a_body(fhir: FhirHttp) -> None:
    answer = fhir.head("Patient/nothing")
    assert answer.status_code == 404
    assert answer.content == b""


@pytest.mark.parametrize("header", ['W/"1"', '"1"', 'W/"7", W/"1"', "*", 'W/"1" '])
def test_if_none_match_with_the_current_version_is_304(fhir: FhirHttp, path: str, header: str) -> None:
    answer = fhir.get(path, headers={"If-None-Match": header})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["ETag"] == 'W/"1"'
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize("header", ['W/"2"', '"x"', "nonsense", '""', 'W/"11"'])
def test_if_none_match_with_another_version_sends_the_resource(
    fhir: FhirHttp, path: str, header: str
) -> None:
    answer = fhir.get(path, headers={"If-None-Match": header})
    assert answer.status_code == 200
    assert body(answer)["active"] is True


def test_if_modified_since_its_own_last_modified_is_304(fhir: FhirHttp, path: str) -> None:
    since = fhir.get(path).headers["Last-Modified"]
    answer = fhir.get(path, headers={"If-Modified-Since": since})
    assert answer.status_code == 304
    assert answer.content == b""


@pytest.mark.parametrize(
    "since",
    [
        "Mon, 01 Jan 2001 00:00:00 GMT",
        "Mon, 01 Jan 2001 00:00:00 -0000",
        "yesterday",
        "",
        "Mon, 99 Jan 2001 00:00:00 GMT",
        "Mon, 01 Jan 2001 00:00:00 +9999",
        "Fri, 31 Dec 0001 23:59:59 -0000",
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "2001-01-01T00:00:00Z",
    ],
)
def test_if_modified_since_an_old_date_or_no_date_sends_the_resource(
    fhir: FhirHttp, path: str, since: str
) -> None:
    assert fhir.get(path, headers={"If-Modified-Since": since}).status_code == 200


def test_if_none_match_decides_alone(fhir: FhirHttp, path: str) -> None:
    since = fhir.get(path).headers["Last-Modified"]
    answer = fhir.get(path, headers={"If-None-Match": 'W/"9"', "If-Modified-Since": since})
    assert answer.status_code == 200


def test_an_id_that_never_was_is_404(fhir: FhirHttp) -> None:
    assert problem(fhir.get("Patient/nothing"), 404)["code"] == "not-found"


def test_a_deleted_resource_is_410(fhir: FhirHttp) -> None:
    gone = f"Patient/{create(fhir, patient())['id']}"
    assert fhir.delete(gone).status_code == 204
    assert problem(fhir.get(gone), 410)["code"] == "deleted"


def test_the_same_id_of_another_type_is_404(fhir: FhirHttp, path: str) -> None:
    problem(fhir.get(path.replace("Patient", "Observation")), 404)


def test_a_type_that_is_none_is_404(fhir: FhirHttp) -> None:
    problem(fhir.get("Client/1"), 404)
    problem(fhir.get("patient/1"), 404)
    problem(fhir.get("Resource/1"), 404)
    problem(fhir.get("DomainResource/1"), 404)
    problem(fhir.get("HumanName/1"), 404)
