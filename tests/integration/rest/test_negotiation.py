"""Media types in and out. https://hl7.org/fhir/R4/http.html#mime-type"""

from __future__ import annotations

import pytest

from tests.examples import body, create, patient, problem
from tests.http_client import FhirHttp


@pytest.fixture(scope="module")
def path(fhir: FhirHttp) -> str:
    return f"Patient/{create(fhir, patient('media'))['id']}"


@pytest.mark.parametrize(
    "accept",
    [
        "application/fhir+json",
        "application/json",
        "text/json",
        "*/*",
        "application/*",
        "application/fhir+json; fhirVersion=4.0",
        "application/fhir+json;fhirVersion=4.0.1",
        'application/fhir+json; fhirVersion="4.0"',
        "application/fhir+xml;q=0.1, application/fhir+json",
        "APPLICATION/FHIR+JSON",
        "text/html, */*;q=0.1",
        "application/fhir+json;charset=utf-8",
        "",
    ],
)
def test_json_is_sent_to_who_takes_it(fhir: FhirHttp, path: str, accept: str) -> None:
    answer = fhir.get(path, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"


@pytest.mark.parametrize(
    "accept",
    [
        "application/fhir+xml",
        "application/xml",
        "text/xml",
        "application/fhir+xml; fhirVersion=4.0",
        "application/fhir+json;q=0.1, application/fhir+xml",
        "application/fhir+json;q=0, */*",
    ],
)
def test_xml_is_sent_to_who_takes_it(fhir: FhirHttp, path: str, accept: str) -> None:
    answer = fhir.get(path, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/fhir+xml; charset=utf-8"


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "text/turtle",
        "application/fhir+json; fhirVersion=3.0",
        "application/fhir+json; fhirVersion=5.0",
        "application/fhir+json;q=0",
        "application/fhir+json;q=0.000, application/fhir+xml;q=0",
        "image/png",
    ],
)
def test_who_takes_neither_gets_406(fhir: FhirHttp, path: str, accept: str) -> None:
    assert problem(fhir.get(path, headers={"Accept": accept}), 406)["code"] == "not-supported"


@pytest.mark.parametrize(
    ("format_", "status"),
    [
        ("json", 200),
        ("application/fhir+json", 200),
        ("application/json", 200),
        ("text/json", 200),
        ("xml", 200),
        ("application/fhir+xml", 200),
        ("application/xml", 200),
        ("text/xml", 200),
        ("html", 406),
        ("", 406),
        ("application/fhir+json;fhirVersion=3.0", 406),
        ("*/*", 406),
    ],
)
def test_the_format_parameter_wins_over_the_header(
    fhir: FhirHttp, path: str, format_: str, status: int
) -> None:
    for accept in ("application/fhir+xml", "application/fhir+json"):
        answer = fhir.get(path, {"_format": format_}, headers={"Accept": accept})
        assert answer.status_code == status
        is_xml = status == 200 and "xml" in format_
        assert answer.headers["Content-Type"].startswith(
            "application/fhir+xml"
            if is_xml or (status == 406 and "xml" in accept)
            else "application/fhir+json"
        )


def test_a_plus_that_was_not_encoded_is_understood(fhir: FhirHttp, path: str) -> None:
    assert fhir.get(f"{path}?_format=application/fhir+json").status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "application/fhir+json",
        "application/json",
        "application/fhir+json; charset=utf-8",
        "application/fhir+json;charset=UTF-8",
        'application/fhir+json; charset="utf-8"; fhirVersion=4.0',
        "Application/FHIR+json",
    ],
)
def test_json_is_taken(fhir: FhirHttp, content_type: str) -> None:
    assert fhir.post("Patient", patient(), headers={"Content-Type": content_type}).status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/fhir+xml; charset=utf-16",
        "text/xml; charset=iso-8859-1",
        "application/fhir+xml; fhirVersion=3.0",
        "application/xml-patch+xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/fhir+json; charset=iso-8859-1",
        "application/fhir+json; charset=utf-16",
        "application/fhir+json; fhirVersion=3.0",
        "application/fhir+json; fhirVersion=5.0",
        "application/fhir+ndjson",
        "nonsense",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_other_bodies_are_415(fhir: FhirHttp, path: str, method: str, content_type: str) -> None:
    target = "Patient" if method == "POST" else path
    answer = fhir.request(
        method, target, data=b'{"resourceType":"Patient"}', headers={"Content-Type": content_type}
    )
    assert problem(answer, 415)["code"] == "not-supported"


def test_a_search_by_post_takes_a_form_only(fhir: FhirHttp, path: str) -> None:
    form = fhir.search("Patient", {"identifier": "media"}, post=True)
    assert body(form)["total"] == 1
    for media_type in (
        "application/json",
        "application/fhir+json",
        "text/plain",
        "multipart/form-data; boundary=x",
    ):
        answer = fhir.request(
            "POST", "Patient/_search", data=b'{"identifier":"media"}', headers={"Content-Type": media_type}
        )
        problem(answer, 415)


def test_a_form_and_the_url_of_a_search_are_taken_together(fhir: FhirHttp, path: str) -> None:
    answer = fhir.request("POST", "Patient/_search?_summary=count", data={"identifier": "media"})
    assert body(answer)["total"] == 1
    answer = fhir.request("POST", "Patient/_search?identifier=other", data={"identifier": "media"})
    assert body(answer)["total"] == 0


@pytest.mark.parametrize(("value", "pretty"), [("true", True), ("false", False), ("x", False)])
def test_pretty_is_for_people(fhir: FhirHttp, path: str, value: str, pretty: bool) -> None:
    answers = [
        fhir.get(path, {"_pretty": value}),
        fhir.get("Patient", {"_pretty": value, "_count": "1"}),
        fhir.post("Patient", patient(), {"_pretty": value}),
    ]
    for answer in answers:
        assert (b"\n  " in answer.content) is pretty


def test_an_answer_is_never_sniffed_nor_stored(fhir: FhirHttp, path: str) -> None:
    for answer in (fhir.get(path), fhir.get("Patient/nothing"), fhir.get("Patient"), fhir.get("Client/1")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Accept" in answer.headers["Vary"]


def test_a_body_on_a_get_or_delete_is_ignored(fhir: FhirHttp, path: str) -> None:
    for method in ("GET", "DELETE"):
        target = path if method == "GET" else "Patient/nothing"
        answer = fhir.request(method, target, data=b"\xff", headers={"Content-Type": "text/plain"})
        assert answer.status_code in (200, 204)
