"""What was accepted comes back as it was sent: digits, order, text. https://hl7.org/fhir/R4/datatypes.html#decimal"""

from __future__ import annotations

import json
import re

import pytest

from tests.examples import body, create, entries, entry
from tests.http_client import FhirHttp

DIGITS = [
    "1.00",
    "0.10",
    "0",
    "0.0",
    "-0.0",
    "100",
    "1.0000000000000000000001",
    "12345678901234567890.123456789",
    "3.0",
]


def raw(number: str) -> bytes:
    return (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":' + number.encode() + b',"unit":"g"}}'
    )


@pytest.mark.parametrize("number", DIGITS)
def test_a_decimal_keeps_its_digits_everywhere(fhir: FhirHttp, number: str) -> None:
    created = fhir.post("Observation", raw(number))
    assert created.status_code == 201, created.text
    path = f"Observation/{body(created)['id']}"
    id_ = path.partition("/")[2]
    row = {"resourceType": "Bundle", "type": "transaction", "entry": [entry("GET", path)]}
    as_transaction = (
        b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":%s,'
        b'"request":{"method":"POST","url":"Observation"}}]}'
    )
    answers = [
        created,
        fhir.get(path),
        fhir.get(f"{path}/_history/1"),
        fhir.get(f"{path}/_history"),
        fhir.get(f"Observation?_id={id_}"),
        fhir.get(f"{path}?_elements=value"),
        fhir.get(f"{path}?_pretty=true"),
        fhir.post("", row),
        fhir.post("", row | {"type": "batch"}),
        fhir.post("", as_transaction % raw(number), headers={"Prefer": "return=representation"}),
        fhir.patch(path, [{"op": "add", "path": "/status", "value": "amended"}]),
    ]
    for answer in answers:
        found = re.findall(rb'"value": ?([^,}\s]+)', answer.content)
        assert number.encode() in found, answer.text


@pytest.mark.parametrize("number", ["1e2", "1.50E+3", "1E-7", "0.0000001", "1E300", "1.00e-2"])
def test_an_exponent_keeps_value_and_precision(fhir: FhirHttp, number: str) -> None:
    from decimal import Decimal

    created = fhir.post("Observation", raw(number))
    assert created.status_code == 201, created.text
    text = fhir.get(f"Observation/{body(created)['id']}").text
    (found,) = re.findall(r'"value":([^,}]+)', text)
    assert Decimal(found).as_tuple() == Decimal(number).as_tuple()


@pytest.mark.parametrize("number", ["1E400", "-1E400", "1E-400", "1E99999999999"])
def test_a_decimal_beyond_all_measure_is_refused_not_rounded(fhir: FhirHttp, number: str) -> None:
    assert fhir.post("Observation", raw(number)).status_code == 400


def test_the_order_of_elements_is_kept(fhir: FhirHttp) -> None:
    sent = (
        '{"resourceType":"Patient","multipleBirthBoolean":false,"name":[{"given":["b","a"],"family":"x","use":"usual"}],'
        '"gender":"other","active":true,"birthDate":"2000"}'
    )
    stored = fhir.post("Patient", sent.encode()).content.decode()
    kept = {k: v for k, v in json.loads(stored).items() if k not in ("id", "meta")}
    assert json.dumps(kept, separators=(",", ":")) == sent


TEXTS = [
    "é", "e\u0301", "😀", "\u200f\u202e", "a\tb", "a\r\nb", '"\\/', "<script>&amp;", "\u2028", "\ufeffx",
    "$where", "a.b", "${7*7}", "{{7*7}}", "' OR 1=1 --", "\uffff", "𝒳" * 100,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_kept(fhir: FhirHttp, text: str) -> None:
    stored = create(fhir, {"resourceType": "Patient", "name": [{"text": text}]})
    found = body(fhir.get(f"Patient/{stored['id']}"))
    assert found["name"][0]["text"] == text
    (row,) = entries(body(fhir.get(f"Patient?_id={stored['id']}")))
    assert row["resource"] == found


def test_a_large_resource_is_kept(fhir: FhirHttp) -> None:
    data = "QUJD" * 3_000_000
    sent = {"resourceType": "Binary", "contentType": "application/pdf", "data": data}
    stored = create(fhir, sent)
    assert body(fhir.get(f"Binary/{stored['id']}"))["data"] == data


def test_what_the_database_cannot_hold_is_413(fhir: FhirHttp) -> None:
    import base64
    import secrets

    data = base64.b64encode(secrets.token_bytes(22_000_000)).decode()
    sent = {"resourceType": "Binary", "contentType": "application/pdf", "data": data}
    assert fhir.post("Binary", sent).status_code == 413
    assert (
        fhir.post(
            "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry("POST", "Binary", sent)]}
        ).status_code
        == 413
    )
