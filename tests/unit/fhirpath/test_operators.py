"""Chapter 6: the operators, as rows of (expression, what it yields)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_server.fhirpath.evaluate import Environment, compile_expression

MANY = " | ".join(f"'{letter}'" for letter in "abcdefghi")
ROWS: list[tuple[str, list[Any]]] = [
    # equality
    ("1 = 1.0", [True]),
    ("1 = true", [False]),
    ("'1' = 1", [False]),
    ("{} = 1", []),
    ("(1 | 2) = (1 | 2)", [True]),
    ("(1 | 2) = (2 | 1)", [False]),
    ("(1 | 2) = (1 | 2 | 3)", [False]),
    ("1 != 2", [True]),
    ("{} != 2", []),
    ("gender = 'male'", []),
    ("name[0] = name[0]", [True]),
    ("name[0] = name[1]", [False]),
    ("(@2020 | @2021) = (@2020-01 | @2021)", []),
    ("'ABC  d' ~ 'abc d'", [True]),
    ("(1 | 2) ~ (2 | 1)", [True]),
    ("(1 | 2) ~ 1", [False]),
    ("{} ~ {}", [True]),
    ("1.55 ~ 1.5", [False]),
    ("1.54 ~ 1.5", [True]),
    ("'a' !~ 'b'", [True]),
    ("1 'a' ~ 1 year", [True]),
    ("1 'mg' ~ 2 'kg'", [False]),
    ("true ~ 1", [False]),
    ("telecom[0] ~ telecom[0]", [True]),
    # comparison
    ("1 < 2.5", [True]),
    ("'b' >= 'a'", [True]),
    ("1 > {}", []),
    ("2 <= 2", [True]),
    ("gender > 'a'", []),
    ("@2020 < @2021-05", [True]),
    ("@2020 < @2020-05", []),
    ("@2020-05 = @2020-05-01", []),
    ("@2020-01-01T00:00:00Z = @2020-01-01T02:00:00+02:00", [True]),
    ("@2020-01-01T10:00Z < @2020-01-01T10:00:30Z", []),
    ("@T10:00 < @T11:00", [True]),
    ("@T10:00 = @2020", [False]),
    ("birthDate < today()", [True]),
    ("birthDate != @1974-12-25", [False]),
    # quantities
    ("1 'mg' = 1.0 'mg'", [True]),
    ("1 'mg' = 1 'kg'", []),
    ("2 'mg' > 1 'mg'", [True]),
    ("2 'mg' > 1 'kg'", []),
    ("60 seconds = 1 minute", [True]),
    ("1000 'ms' = 1 second", [True]),
    ("1 year = 12 months", [True]),
    ("1 year = 1 'a'", []),
    ("1 'mg' = 'mg'", [False]),
    # logic
    ("true and {}", []),
    ("false and {}", [False]),
    ("{} and false", [False]),
    ("true and true", [True]),
    ("{} or true", [True]),
    ("true or {}", [True]),
    ("false or {}", []),
    ("false or false", [False]),
    ("true xor false", [True]),
    ("true xor {}", []),
    ("false implies {}", [True]),
    ("true implies {}", []),
    ("{} implies true", [True]),
    ("{} implies false", []),
    ("true implies false", [False]),
    # membership
    ("1 in (1 | 2)", [True]),
    ("{} in (1 | 2)", []),
    ("(1 | 2) contains 3", [False]),
    # arithmetic
    ("1 + 2", [3]),
    ("1 + 2.5", [Decimal("3.5")]),
    ("'a' + 'b'", ["ab"]),
    ("'a' & {}", ["a"]),
    ("1 + {}", []),
    ("5 - 2", [3]),
    ("2147483647 + 1", []),
    ("2 * 3.5", [7]),
    ("7 / 2", [Decimal("3.5")]),
    ("1 / 0", []),
    ("7 div 2", [3]),
    ("7.5 div 2", [3]),
    ("7 mod 2", [1]),
    ("7.5 mod 2", [Decimal("1.5")]),
    ("7 mod 0", []),
    ("1 'mg' + 2 'mg' = 3 'mg'", [True]),
    ("3 'mg' - 2 'mg' = 1 'mg'", [True]),
    ("1 'mg' + 2 'kg'", []),
    ("(2 'mg' * 3) = 6 'mg'", [True]),
    ("(3 * 2 'mg') = 6 'mg'", [True]),
    ("(2 'm' * 3 'm') = 6 'm.m'", [True]),
    ("(6 'mg' / 2) = 3 'mg'", [True]),
    ("(6 'mg' / 2 'mg') = 3", [True]),
    ("(6 'mg' / 2 'mL') = 3 'mg/mL'", [True]),
    ("6 'mg' / 0", []),
    # date arithmetic
    ("@2020-01-31 + 1 month", ["2020-02-29"]),
    ("@2020-02-29 + 1 year", ["2021-02-28"]),
    ("@2020-02-29 - 4 years", ["2016-02-29"]),
    ("@2020 + 24 months", ["2022"]),
    ("@2020 + 730 days", ["2022"]),
    ("@2020-01 + 31 days", ["2020-02"]),
    ("@2020-01 + 1 week", ["2020-01"]),
    ("@2020-01-01 + 1 week", ["2020-01-08"]),
    ("@2020-01-01 + 25 hours", ["2020-01-02"]),
    ("@2020-01-01T10:00:00+02:00 + 90 minutes", ["2020-01-01T11:30:00+02:00"]),
    ("@2020-01-01T10:00:00.5Z + 0.75 seconds", ["2020-01-01T10:00:01.2Z"]),
    ("@2020-01-01T10:00:00Z + 250 milliseconds", ["2020-01-01T10:00:00.250Z"]),
    ("@2020-01-31T10:00:00.5Z + 1 month", ["2020-02-29T10:00:00.5Z"]),
    ("@2020-01-01 + 1 's'", ["2020-01-01"]),
    ("@T23:30 + 45 minutes", ["00:15"]),
    ("@T23:30:00 + 1 hour", ["00:30:00"]),
    ("@9999 + 1 year", []),
    ("@2020 + 9999999999999 years", []),
    ("birthDate + 1 day", ["1974-12-26"]),
    ("@2020-01-01T10 + 90 minutes", ["2020-01-01T11"]),
    ("@0001-01-01T00:00:00+14:00 = @0001-01-01T00:00:00+14:00", [True]),
    ("60.0 '1' + 1 '1' = 61", [True]),
    # many items are told apart by keys, as few are one by one
    (f"({MANY} | 4 'mg' | 4.0 'mg').count()", [10]),
    (f"({MANY} | @2020-01-01T10:00:00Z | @2020-01-01T11:00:00+01:00 | @2020).count()", [11]),
    (f"({MANY} | name | name | gender | gender | true).count()", [13]),
    ("(4 'mg').combine(4.0 'mg').distinct().count()", [1]),
    ("name.repeat($this).count()", [2]),
    ("(1 | 2).repeat(3).count()", [1]),
    ("1 = 'x'.toInteger()", []),
    ("1 'mg' ~ 1.0 'mg'", [True]),
    ("1 'mg' ~ 1", [False]),
    ("@2020 ~ @2020", [True]),
    ("gender ~ gender", [True]),
    ("gender ~ 'a'", [False]),
]


@pytest.mark.parametrize(("expression", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_expression_yields_what_its_row_says(
    expression: str, expected: list[Any], patient: dict[str, Any]
) -> None:
    found = compile_expression(expression, "Patient").evaluate(patient, Environment())
    assert [node.value for node in found] == expected
    assert [type(node.value) is bool for node in found] == [type(value) is bool for value in expected]
