"""A decimal goes out spelled as it came in, and is a decimal on the way. https://hl7.org/fhir/R4/datatypes.html#decimal"""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.json import encode_json, parse_json
from fhir_server.fhirpath.evaluate import compile_expression
from fhir_server.search.index import extract_index
from fhir_server.validation.validate import validate_resource

NUMBER = st.from_regex(r"-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
OBSERVATION = (
    b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
    b'"valueQuantity":{"value":%s,"unit":"g"}}'
)


@given(NUMBER.filter(lambda text: text != "-0"))
def test_every_spelling_survives(text: str) -> None:
    raw = f'{{"a":[{text}]}}'.encode()
    assert encode_json(parse_json(raw)) == raw
    assert encode_json(copy.deepcopy(parse_json(raw))) == raw


@pytest.mark.parametrize("text", [b"1e2", b"1E+2", b"1.50e-3", b"0.0000000001", b"-2.0E1"])
def test_a_spelled_decimal_is_validated_indexed_and_computed_like_another(text: bytes) -> None:
    resource = parse_json(OBSERVATION % text)
    plain = {**resource, "valueQuantity": {"value": Decimal(text.decode()), "unit": "g"}}
    assert not [i for i in validate_resource(resource) if i.severity == "error"]
    assert extract_index(resource, 0) == extract_index(plain, 0)
    expression = compile_expression("Observation.value.value + 1", "Observation")
    assert [n[0] for n in expression.evaluate(resource)] == [n[0] for n in expression.evaluate(plain)] != []
    assert encode_json(resource) == OBSERVATION % text


def test_it_is_named_where_it_is_wrong() -> None:
    (issue, *_) = validate_resource(parse_json(b'{"resourceType":"Patient","active":1e2}'))
    assert "a number" in issue.diagnostics
