"""lowBoundary() and highBoundary(), with the examples of the specification and of HL7's test suite."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhirpath.evaluate import FhirPathError, Node, compile_expression
from fhir_server.fhirpath.temporal import compare_temporal, parse_temporal

ROWS: list[tuple[str, str | None]] = [
    ("1.587.lowBoundary()", "1.58650000"),
    ("1.587.lowBoundary(6)", "1.586500"),
    ("1.587.lowBoundary(2)", "1.58"),
    ("1.587.lowBoundary(0)", "1"),
    ("1.587.lowBoundary(-1)", None),
    ("1.587.lowBoundary(39)", None),
    ("1.587.lowBoundary({})", "1.58650000"),
    ("(-1.587).lowBoundary()", "-1.58750000"),
    ("(-1.587).lowBoundary(6)", "-1.587500"),
    ("(-1.587).lowBoundary(2)", "-1.59"),
    ("(-1.587).lowBoundary(0)", "-2"),
    ("1.lowBoundary()", "0.50000000"),
    ("1.lowBoundary(0)", "0"),
    ("12.500.lowBoundary(4)", "12.4995"),
    ("120.lowBoundary(2)", "119.50"),
    ("0.0034.lowBoundary(1)", "0.0"),
    ("1.123456789.lowBoundary()", "1.1234567885"),
    ("1.587.highBoundary()", "1.58750000"),
    ("1.587.highBoundary(6)", "1.587500"),
    ("1.587.highBoundary(2)", "1.59"),
    ("1.587.highBoundary(0)", "2"),
    ("(-1.587).highBoundary()", "-1.58650000"),
    ("(-1.587).highBoundary(2)", "-1.58"),
    ("(-1.587).highBoundary(0)", "-1"),
    ("120.highBoundary(2)", "120.50"),
    ("{}.lowBoundary()", None),
    ("{}.highBoundary(2)", None),
    ("@2014.lowBoundary()", "2014-01-01"),
    ("@2014.highBoundary()", "2014-12-31"),
    ("@2014.lowBoundary(6)", "2014-01"),
    ("@2014.highBoundary(6)", "2014-12"),
    ("@2016-02.highBoundary()", "2016-02-29"),
    ("@2016-02-03.highBoundary(4)", "2016"),
    ("@2014.lowBoundary(5)", None),
    ("@2014.lowBoundary(17)", None),
    ("@2014T.lowBoundary(17)", "2014-01-01T00:00:00.000+14:00"),
    ("@2014-01-01T08.lowBoundary(17)", "2014-01-01T08:00:00.000+14:00"),
    ("@2014-01-01T08.highBoundary(17)", "2014-01-01T08:59:59.999-12:00"),
    ("@2014-01-01T08:05+08:00.lowBoundary(17)", "2014-01-01T08:05:00.000+08:00"),
    ("@2014-01-01T08:05+08:00.highBoundary()", "2014-01-01T08:05:59.999+08:00"),
    ("@2014-01-01T08.lowBoundary(8)", "2014-01-01"),
    ("@2014-01-01T08:05:06.789Z.highBoundary(14)", "2014-01-01T08:05:06Z"),
    ("@2014-01-01T08:05:06Z.highBoundary(12)", "2014-01-01T08:05Z"),
    ("@T10:30.lowBoundary(9)", "10:30:00.000"),
    ("@T10:30.highBoundary(9)", "10:30:59.999"),
    ("@T10:30:15.5.highBoundary()", "10:30:15.599"),
    ("@T10:30:15.lowBoundary(2)", "10"),
]


@pytest.mark.parametrize(("expression", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_boundary_is_what_its_row_says(expression: str, expected: str | None) -> None:
    found = [str(n.value) for n in compile_expression(expression, "Patient").evaluate({})]
    assert found == ([] if expected is None else [expected])


def test_boundary_of_an_element_has_the_type_of_its_value(observation: dict[str, Any]) -> None:
    def one(expression: str) -> Node:
        (node,) = compile_expression(expression, "Observation").evaluate(observation)
        return node

    assert one("value.value.lowBoundary(3)") == Node(Decimal("185.495"), "System.Decimal", None)
    assert one("value.highBoundary(3) = 185.505 '[lb_av]'").value is True
    assert one("effective.end.highBoundary()").value == "2020-02-29T23:59:59.999-12:00"
    assert one("issued.highBoundary()").value == "2020-01-01T10:00:00.500+02:00"


@pytest.mark.parametrize(
    "expression",
    ["'2014'.lowBoundary()", "true.highBoundary()", "(1 | 2).lowBoundary()", "1.lowBoundary('2')"],
)
def test_boundary_of_what_has_none_is_refused(expression: str) -> None:
    with pytest.raises(FhirPathError):
        compile_expression(expression, "Patient").evaluate({})


@given(st.decimals(-(10**6), 10**6, places=4), st.integers(0, 10))
def test_a_number_lies_between_its_boundaries(number: Decimal, precision: int) -> None:
    low, high = (
        _bound(Node(number, "decimal", None), f"{way}Boundary({precision})") for way in ("low", "high")
    )
    assert low <= number <= high
    assert high - low <= max(Decimal("0.0001"), 2 * Decimal(1).scaleb(-precision))


@given(st.datetimes(), st.sampled_from([4, 7, 10, 16, 19, 23]), st.sampled_from([4, 6, 8, 10, 12, 17]))
def test_a_date_is_never_before_its_low_nor_after_its_high_boundary(
    moment: Any, length: int, precision: int
) -> None:
    text = moment.isoformat(timespec="milliseconds")[:length]
    value = parse_temporal(text, "DateTime")
    assert value is not None
    for way, wrong in (("low", -1), ("high", 1)):
        bound = parse_temporal(
            _bound(Node(text, "dateTime", None), f"{way}Boundary({precision})"), "DateTime"
        )
        assert bound is not None
        assert compare_temporal(value, bound._replace(zone="")) != wrong


def _bound(node: Node, expression: str) -> Any:
    (found,) = compile_expression(expression, node.type).evaluate(node)
    return found.value
