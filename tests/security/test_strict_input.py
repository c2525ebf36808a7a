"""What is not exactly FHIR JSON is refused, and what is comes back byte for byte. https://hl7.org/fhir/R4/json.html"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from tests.examples import body, entry, patient, problem, total, transaction
from tests.http_client import FHIR_JSON, FhirHttp
from tests.running_server import RunningServer

P = b'{"resourceType":"Patient"'

REFUSED: dict[str, bytes] = {
    "duplicate key": P + b',"active":true,"active":false}',
    "duplicate resourceType": P + b',"resourceType":"Patient"}',
    "duplicate key by escape": P + b',"active":true,"\\u0061ctive":false}',
    "duplicate key inside": P + b',"name":[{"family":"a","family":"b"}]}',
    "NaN": P + b',"multipleBirthInteger":NaN}',
    "Infinity": P + b',"multipleBirthInteger":Infinity}',
    "minus Infinity": P + b',"multipleBirthInteger":-Infinity}',
    "single quotes": b"{'resourceType':'Patient'}",
    "comment": P + b"/* x */}",
    "trailing comma": P + b",}",
    "trailing text": P + b"} x",
    "two values": P + b"}" + P + b"}",
    "leading zero": P + b',"multipleBirthInteger":01}',
    "plus": P + b',"multipleBirthInteger":+1}',
    "hexadecimal": P + b',"multipleBirthInteger":0x1}',
    "huge exponent": P + b',"multipleBirthInteger":1E400}',
    "very huge exponent": P + b',"multipleBirthInteger":1E999999999}',
    "many digits": P + b',"multipleBirthInteger":' + b"9" * 5000 + b"}",
    "lone high surrogate": P + b',"name":[{"family":"\\ud800"}]}',
    "lone low surrogate": P + b',"name":[{"family":"\\udc00"}]}',
    "surrogates swapped": P + b',"name":[{"family":"\\udc00\\ud800"}]}',
    "raw surrogate": P + b',"name":[{"family":"\xed\xa0\x80"}]}',
    "latin-1": P + b',"name":[{"family":"\xe9"}]}',
    "overlong": P + b',"name":[{"family":"\xc0\xaf"}]}',
    "BOM": b"\xef\xbb\xbf" + P + b"}",
    "UTF-16": (P + b"}").decode().encode("utf-16"),
    "UTF-16 LE": (P + b"}").decode().encode("utf-16-le"),
    "UTF-32": (P + b"}").decode().encode("utf-32"),
    "raw newline in string": P + b',"name":[{"family":"a\nb"}]}',
    "raw NUL in string": P + b',"name":[{"family":"a\x00b"}]}',
    "NUL after": P + b"}\x00",
    "depth bomb of objects": P + b',"x":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    "depth bomb of lists": b"[" * 200_000,
    "closed depth bomb": b"[" * 100_000 + b"]" * 100_000,
    "depth 65": P + b',"extension":' + b'[{"url":"u","extension":' * 40 + b"[]" + b"}]" * 40 + b"}",
    "XML": b'<Patient xmlns="http://hl7.org/fhir"/>',
}
INVALID: dict[str, bytes] = {
    "unknown element": P + b',"colour":"blue"}',
    "unknown element inside": P + b',"name":[{"nickname":"x"}]}',
    "null": P + b',"active":null}',
    "empty list": P + b',"name":[]}',
    "empty object": P + b',"name":[{}]}',
    "empty string": P + b',"gender":""}',
    "list for one": P + b',"active":[true]}',
    "one for list": P + b',"name":{"family":"x"}}',
    "text for boolean": P + b',"active":"true"}',
    "number for boolean": P + b',"active":1}',
    "text for number": P + b',"multipleBirthInteger":"1"}',
    "decimal for integer": P + b',"multipleBirthInteger":1.0}',
    "huge integer": P + b',"multipleBirthInteger":99999999999}',
    "two choices": P + b',"deceasedBoolean":true,"deceasedDateTime":"2020"}',
    "operator as element": P + b',"$set":{"v":9}}',
    "operator inside": P + b',"name":[{"$gt":""}]}',
    "operator for text": P + b',"name":[{"family":{"$ne":1}}]}',
    "dotted key": P + b',"name.family":"x"}',
    "storage field": P + b',"_id":"x"}',
    "prototype": P + b',"__proto__":{"x":1}}',
    "empty key": P + b',"":1}',
    "control character": P + b',"name":[{"family":"a\\u0001b"}]}',
    "NUL": P + b',"name":[{"family":"a\\u0000b"}]}',
    "NUL in key": P + b',"a\\u0000b":1}',
    "script in narrative": P
    + b',"text":{"status":"additional","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\"><script>x</script></div>"}}',
    "entity bomb in narrative": P
    + b',"text":{"status":"additional","div":"<!DOCTYPE d [<!ENTITY a \\"b\\">]><div xmlns=\\"http://www.w3.org/1999/xhtml\\">&a;</div>"}}',
    "resource in contained of no type": P + b',"contained":[{"id":"x"}]}',
    "contained of unknown type": P + b',"contained":[{"resourceType":"Client","id":"x"}]}',
}


@pytest.fixture(autouse=True)
def nothing_is_stored(fhir: FhirHttp) -> Iterator[None]:
    before = total(fhir, "Patient?")
    yield
    assert total(fhir, "Patient?") == before


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_json_of_ours_is_400(fhir: FhirHttp, name: str) -> None:
    issue = problem(fhir.post("Patient", REFUSED[name]), 400)
    assert len(issue["diagnostics"]) < 500
    problem(fhir.put("Patient/strict", REFUSED[name]), 400)
    problem(fhir.post("", REFUSED[name]), 400)


@pytest.mark.parametrize("name", INVALID)
def test_what_is_no_patient_is_422_and_names_the_place(fhir: FhirHttp, name: str) -> None:
    issue = problem(fhir.post("Patient", INVALID[name]), 422)
    assert issue["expression"][0].startswith("Patient")
    assert len(issue["diagnostics"]) < 1000


@pytest.mark.parametrize("name", INVALID)
def test_the_same_in_a_transaction_names_the_entry(fhir: FhirHttp, name: str) -> None:
    row = b'{"resource":' + INVALID[name] + b',"request":{"method":"POST","url":"Patient"}}'
    raw = b'{"resourceType":"Bundle","type":"transaction","entry":[' + row + b"]}"
    assert problem(fhir.post("", raw), 422)["expression"][0].startswith("Bundle.entry[0].resource")


def test_a_body_of_60_mb_is_413(fhir: FhirHttp, server: RunningServer) -> None:
    large = P + b',"name":[{"family":"' + b"x" * 60_000_000 + b'"}]}'
    for path in ("Patient", ""):
        try:
            answer = fhir.post(path, large)
        except requests.ConnectionError:
            continue  # the server has closed the connection without reading it to the end
        assert problem(answer, 413)["code"] == "too-long"
    assert fhir.get("Patient?_count=0").status_code == 200


def test_a_body_of_60_mb_without_length_is_413(fhir: FhirHttp) -> None:
    def chunks() -> Iterator[bytes]:
        yield P + b',"name":[{"family":"'
        for _ in range(60):
            yield b"x" * 1_000_000
        yield b'"}]}'

    try:
        answer = fhir.request("POST", "Patient", data=chunks(), headers={"Content-Type": FHIR_JSON})
    except requests.ConnectionError:
        return
    assert answer.status_code in (400, 411, 413)


def test_a_form_of_60_mb_is_413(fhir: FhirHttp) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        answer = fhir.request("POST", "Patient/_search", data=b"family=" + b"x" * 60_000_000, headers=form)
    except requests.ConnectionError:
        return
    problem(answer, 413)


def test_a_body_that_ends_early_is_400(server: RunningServer, fhir: FhirHttp) -> None:
    import socket

    parts = urlsplit(server.base_url)
    token = fhir.session.headers["Authorization"]
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
        head = f"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nAuthorization: {token!s}\r\n"
        head += f"Content-Type: {FHIR_JSON}\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode() + P)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert re.match(rb"HTTP/1\.[01] 400 ", answer) or answer == b""


def test_a_bundle_with_a_wrong_type_for_its_url_is_400(fhir: FhirHttp) -> None:
    row = entry("POST", "Observation", patient())
    assert problem(fhir.post("", transaction(row)), 400)["expression"] == [
        "Bundle.entry[0].resource.resourceType"
    ]


def test_an_outcome_repeats_no_more_than_it_must(fhir: FhirHttp) -> None:
    raw = P + b',"' + b"k" * 1_000_000 + b'":1,"gender":"' + b"g" * 1_000_000 + b'"}'
    answer = fhir.post("Patient", raw)
    assert answer.status_code == 422
    assert len(answer.content) < 10_000
    assert body(answer)["resourceType"] == "OperationOutcome"
