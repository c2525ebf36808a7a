"""How an answer leaves: in the format that was asked for, whole or not at all. https://hl7.org/fhir/R4/http.html#return"""

from __future__ import annotations

import pytest

from fhir_server.errors import Invalid, NotAcceptable
from fhir_server.fhir.json import encode_json, parse_json
from fhir_server.interactions.messages import FhirResponse
from fhir_server.rest.media import FHIR_JSON, FHIR_XML
from fhir_server.rest.request import Wanted
from fhir_server.rest.response import render, render_error
from fhir_server.rest.xml.read import read_xml

BASE = "http://127.0.0.1/fhir"
# VALIDATION=off lets them in.
UNWRITABLE = [
    {"resourceType": "Patient", "colour": "blue"},
    {"resourceType": "Patient", "gender": "\x01"},
    {"resourceType": "Patient", "text": {"div": "</div><gender/>"}},
]


@pytest.mark.parametrize("resource", UNWRITABLE)
def test_what_xml_cannot_carry_is_refused_where_it_is_only_read(resource: dict[str, object]) -> None:
    with pytest.raises(NotAcceptable, match="JSON can"):
        render(FhirResponse(200, encode_json(resource)), BASE, Wanted(FHIR_XML))


@pytest.mark.parametrize("resource", UNWRITABLE)
def test_what_was_written_is_answered_in_json_then(resource: dict[str, object]) -> None:
    answer = render(
        FhirResponse(201, encode_json(resource), version=1), BASE, Wanted(FHIR_XML, is_read=False)
    )
    assert (answer.status_code, answer.headers["ETag"]) == (201, 'W/"1"')
    assert answer.headers["Content-Type"] == f"{FHIR_JSON}; charset=utf-8"
    assert parse_json(answer.data) == resource


@pytest.mark.parametrize("is_pretty", [True, False])
def test_what_is_the_same_for_all_is_the_same_in_both_formats(is_pretty: bool) -> None:
    raw = encode_json({"resourceType": "CapabilityStatement", "status": "active"})
    for _ in range(2):
        answer = render(FhirResponse(200, raw, cacheable=True), BASE, Wanted(FHIR_XML, is_pretty))
        assert read_xml(answer.data) == parse_json(raw)
        assert (b"\n  <status" in answer.data) is is_pretty
        assert answer.headers["Cache-Control"].startswith("public")


@pytest.mark.parametrize("format_", [FHIR_JSON, FHIR_XML])
def test_an_error_is_an_outcome_in_the_format_that_was_asked_for(format_: str) -> None:
    answer = render_error(Invalid("<wrong>", "Patient.name"), Wanted(format_, is_read=False))
    outcome = read_xml(answer.data) if format_ == FHIR_XML else parse_json(answer.data)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == f"{format_}; charset=utf-8"
    assert outcome["issue"][0] == {
        "severity": "error",
        "code": "invalid",
        "diagnostics": "<wrong>",
        "expression": ["Patient.name"],
    }


@pytest.mark.parametrize(
    "binary",
    [
        {"contentType": "text/html\r\nX-Evil: 1", "data": "eA=="},
        {"contentType": 7, "data": "eA=="},
        {"data": "eA=="},
        {"contentType": "text/html", "data": "eA==", "securityContext": {"reference": "a\r\nX-Evil: 1"}},
        {"contentType": "text/html", "data": "eA==", "securityContext": "Patient/1"},
    ],
)
def test_nothing_of_a_binary_reaches_the_headers_unchecked(binary: dict[str, object]) -> None:
    raw = encode_json({"resourceType": "Binary", **binary})
    answer = render(FhirResponse(200, raw), BASE, Wanted(FHIR_JSON, content="*/*"))
    assert answer.data == b"x"
    assert answer.headers["Content-Type"] in ("text/html", "application/octet-stream")
    assert "X-Evil" not in str(answer.headers)
    assert "X-Security-Context" not in answer.headers


@pytest.mark.parametrize("data", ["x", 7, ["eA=="]])
def test_a_binary_without_content_is_read_as_a_resource_only(data: object) -> None:
    raw = encode_json({"resourceType": "Binary", "contentType": "text/plain", "data": data})
    with pytest.raises(NotAcceptable, match="base64"):
        render(FhirResponse(200, raw), BASE, Wanted(FHIR_JSON, content="*/*"))
