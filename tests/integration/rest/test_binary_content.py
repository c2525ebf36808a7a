"""A Binary is read and written as the content it holds. https://hl7.org/fhir/R4/binary.html#rest"""

from __future__ import annotations

import base64

import pytest
import requests

from tests.examples import body, problem
from tests.http_client import FHIR_JSON, FhirHttp
from tests.running_server import MakeClient
from tests.xml_http import FHIR_XML, read

PAGE = b"<html><script>alert(1)</script>\xff\x00</html>"


@pytest.fixture(scope="module")
def path(fhir: FhirHttp) -> str:
    answer = fhir.request("POST", "Binary", data=PAGE, headers={"Content-Type": "text/html"})
    assert answer.status_code == 201
    return f"Binary/{body(answer)['id']}"


def read_as(fhir: FhirHttp, path: str, accept: str) -> requests.Response:
    return fhir.get(path, headers={"Accept": accept})


@pytest.mark.parametrize("accept", ["*/*", "", "text/html", "text/*;q=0.1", "image/png, */*;q=0.2"])
def test_who_names_no_fhir_format_gets_the_content(fhir: FhirHttp, path: str, accept: str) -> None:
    answer = read_as(fhir, path, accept)
    assert answer.status_code == 200
    assert answer.content == PAGE
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Content-Length"] == str(len(PAGE))


def test_the_content_is_a_download_that_nothing_runs(fhir: FhirHttp, path: str) -> None:
    headers = read_as(fhir, path, "*/*").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == "attachment"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_who_names_a_fhir_format_gets_the_resource(fhir: FhirHttp, path: str) -> None:
    found = body(read_as(fhir, path, FHIR_JSON))
    assert (found["contentType"], base64.b64decode(found["data"])) == ("text/html", PAGE)
    assert read(read_as(fhir, path, FHIR_XML)) == found
    assert read(read_as(fhir, path, f"text/html, {FHIR_XML};q=0.1")) == found
    assert read(fhir.get(path, {"_format": "xml"}, headers={"Accept": "text/html"})) == found
    assert body(fhir.get(path, {"_format": "json"}, headers={"Accept": "*/*"})) == found


def test_json_that_is_not_the_content_is_the_resource(fhir: FhirHttp, path: str) -> None:
    assert body(read_as(fhir, path, "application/json"))["resourceType"] == "Binary"
    answer = fhir.request(
        "PUT",
        "Binary/json",
        data=b'{"resourceType":"Binary","id":"json","contentType":"application/json","data":"e30="}',
        headers={"Content-Type": FHIR_JSON},
    )
    assert answer.status_code == 201
    assert read_as(fhir, "Binary/json", "application/json").content == b"{}"


def test_a_content_of_another_type_is_406(fhir: FhirHttp, path: str) -> None:
    assert problem(read_as(fhir, path, "image/png"), 406)["expression"] == ["Binary.contentType"]
    assert problem(read_as(fhir, path, "text/html;q=0"), 406)


def test_errors_are_outcomes(fhir: FhirHttp, make_client: MakeClient, path: str) -> None:
    problem(read_as(fhir, "Binary/nothing", "*/*"), 404)
    problem(read_as(fhir, "Binary/nothing", "image/png"), 404)
    problem(read_as(make_client("system/Patient.rs"), path, "*/*"), 403)


def test_head_and_conditional_read(fhir: FhirHttp, path: str) -> None:
    head = fhir.head(path, headers={"Accept": "*/*"})
    assert (head.headers["Content-Type"], head.headers["Content-Length"]) == ("text/html", str(len(PAGE)))
    assert fhir.get(path, headers={"Accept": "*/*", "If-None-Match": 'W/"1"'}).status_code == 304


def test_an_update_and_its_versions(fhir: FhirHttp) -> None:
    first = fhir.request(
        "PUT", "Binary/content", data=b"one", headers={"Content-Type": "text/plain; charset=utf-8"}
    )
    assert first.status_code == 201
    second = fhir.request(
        "PUT",
        "Binary/content",
        data=b"two",
        headers={"Content-Type": "application/octet-stream", "If-Match": 'W/"1"'},
    )
    assert (second.status_code, body(second)["meta"]["versionId"]) == (200, "2")
    assert read_as(fhir, "Binary/content", "*/*").content == b"two"
    old = read_as(fhir, "Binary/content/_history/1", "text/plain")
    assert (old.content, old.headers["Content-Type"]) == (b"one", "text/plain; charset=utf-8")


def test_the_security_context_travels_as_a_header(fhir: FhirHttp) -> None:
    sent = {"Content-Type": "image/png", "X-Security-Context": "Patient/none"}
    answer = fhir.request("POST", "Binary", data=b"\x89PNG", headers=sent)
    assert answer.status_code == 201
    assert body(answer)["securityContext"] == {"reference": "Patient/none"}
    found = read_as(fhir, f"Binary/{body(answer)['id']}", "image/png")
    assert found.headers["X-Security-Context"] == "Patient/none"
    problem(fhir.request("POST", "Binary", data=b"x", headers={**sent, "X-Security-Context": "<x>"}), 400)


@pytest.mark.parametrize("content_type", ["nonsense", "a/b; c", "text/plain;" * 3, "é/b"])
def test_a_content_without_media_type_is_415(fhir: FhirHttp, content_type: str) -> None:
    answer = fhir.request("POST", "Binary", data=b"x", headers={"Content-Type": content_type.encode()})
    problem(answer, 415)


def test_a_binary_in_xml_is_the_resource(fhir: FhirHttp) -> None:
    text = (
        b'<Binary xmlns="http://hl7.org/fhir"><contentType value="text/plain"/><data value="eA=="/></Binary>'
    )
    answer = fhir.request("POST", "Binary", data=text, headers={"Content-Type": FHIR_XML})
    assert body(answer)["data"] == "eA=="


def test_content_is_for_binaries_alone(fhir: FhirHttp) -> None:
    problem(fhir.request("POST", "Patient", data=b"x", headers={"Content-Type": "text/plain"}), 415)
    problem(fhir.request("PATCH", "Binary/content", data=b"x", headers={"Content-Type": "text/plain"}), 415)
    problem(fhir.get("Patient/none", headers={"Accept": "image/png"}), 406)
    problem(fhir.get("Binary", headers={"Accept": "image/png"}), 406)


def test_a_part_of_a_binary_is_a_resource(fhir: FhirHttp, path: str) -> None:
    answer = fhir.get(path, {"_elements": "contentType"}, headers={"Accept": "*/*"})
    assert "data" not in body(answer)
