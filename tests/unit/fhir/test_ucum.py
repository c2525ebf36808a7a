"""Canonical units: exact, prefix by prefix, and silent about what they do not know."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.ucum import canonical_unit, canonicalize

EQUAL = [
    ("1", "kg", "1000", "g"), ("5", "mg", "0.005", "g"), ("1", "L", "1000", "mL"), ("1", "dL", "0.1", "l"),
    ("1", "m3", "1000", "L"), ("120", "mm[Hg]", "12", "cm[Hg]"), ("1", "h", "60", "min"),
    ("1", "d", "24", "h"),
    ("1", "wk", "7", "d"), ("1", "a", "12", "mo"), ("100", "%", "1", "1"), ("1", "{score}", "1", "1"),
    ("72", "/min", "1.2", "Hz"), ("72", "{beats}/min", "72", "/min"), ("90", "mg/dL", "0.9", "g/L"),
    ("5.5", "mmol/L", "0.0055", "mol/L"), ("1", "10*3/uL", "1", "10*9/L"), ("1", "10^3/uL", "1", "10*3/uL"),
    ("1", "[lb_av]", "453.59237", "g"), ("1", "[in_i]", "2.54", "cm"), ("1", "[ft_i]", "12", "[in_i]"),
    ("1", "kPa", "1000", "N/m2"), ("1", "J", "1", "N.m"), ("1", "kcal", "4184", "J"), ("1", "W", "1", "J/s"),
    ("1", "V", "1", "W/A"), ("1", "Ohm", "1", "V/A"), ("1", "S", "1", "/Ohm"), ("1", "F", "1", "C/V"),
    ("1", "T", "1", "V.s/m2"), ("1", "lx", "1", "lm/m2"), ("1", "U/L", "1", "umol/min/L"),
    ("1", "atm", "101325", "Pa"),
    ("1", "kat", "60000000", "U"), ("1", "m[iU]/mL", "1", "[IU]/L"), ("1", "g/(24.h)", "1", "g/d"),
    ("1", "(m/s)2", "1", "m2/s2"), ("1", "mL/min/{1.73_m2}", "1", "mL/min"), ("1", "g%", "1", "g/dL"),
    ("1", "mg{total}/L", "1", "mg/L"), ("3", "2.m", "6", "m"), ("1", "dag", "10", "g"),
    ("1", "m+2", "1", "m2"),
    ("1", "m[H2O]", "9806.65", "Pa"), ("1", "cm2.m", "0.0001", "m3"), ("1", "ng/mL", "1", "ug/L"),
    ("1", "[gal_us]", "4", "[qt_us]"), ("1", "[foz_us]", "2", "[tbs_us]"), ("1", "[tbs_us]", "3", "[tsp_us]"),
]  # fmt: skip


@pytest.mark.parametrize(("left", "unit", "right", "other"), EQUAL)
def test_equal_quantities_have_one_canonical_form(left: str, unit: str, right: str, other: str) -> None:
    first = canonicalize(Decimal(left), unit)
    assert first is not None
    assert first == canonicalize(Decimal(right), other)


@pytest.mark.parametrize(
    "code",
    ["", "Cel", "[degF]", "[pH]", "dB", "foo", "mg/", ".mg", "mg//L", "mg..L", "(mg", "mg)", "mg mg",
    "mg(L)", "0",
     "kkg", "kmin", "k%", "MM", "m[", "{", "m99", "10*99", "mg/L/", "(m24)24", "((10*48)24)24", "mg\n",
     "é", "g" * 200,
     "(" * 96,
     "2 m", "m{a}{b", "k[lb_av]"],
)  # fmt: skip
def test_a_unit_without_a_canonical_form_stays_as_it_is(code: str) -> None:
    assert canonical_unit(code) is None
    assert canonicalize(Decimal(1), code) is None


@pytest.mark.parametrize(
    ("one", "other"), [("mol", "1"), ("eq", "mol"), ("osm", "mol"), ("[iU]", "1"), ("[arb'U]", "[iU]"),
    ("g", "m")]
)  # fmt: skip
def test_dimensions_that_are_not_the_same_stay_apart(one: str, other: str) -> None:
    left, right = canonical_unit(one), canonical_unit(other)
    assert left is not None
    assert right is not None
    assert left[1] != right[1]


@given(
    st.sampled_from("YZEPTGMkhdcmunpfazy"),
    st.sampled_from(["g", "m", "s", "L", "mol", "Pa", "J", "[iU]", "eq"]),
)
def test_each_prefix_is_a_power_of_ten_of_its_unit(prefix: str, unit: str) -> None:
    whole, plain = canonical_unit(prefix + unit), canonical_unit(unit)
    assert plain is not None
    if prefix + unit in ("cd", "PL"):
        return
    assert whole is not None
    exponents = dict(zip("YZEPTGMkhdcmunpfazy", (24, 21, 18, 15, 12, 9, 6, 3, 2, -1, -2, -3, -6, -9, -12,
    -15, -18, -21,
                                                 -24), strict=True))  # fmt: skip
    assert whole == (plain[0] * Fraction(10) ** exponents[prefix], plain[1])


@given(st.text("mgLk/.{}()[]10*^-+%IuH", max_size=30))
def test_any_text_has_a_canonical_form_or_none(code: str) -> None:
    unit = canonical_unit(code)
    assert unit is None or unit[0] > 0


def test_the_canonical_unit_of_a_canonical_unit_is_itself() -> None:
    for _, code, _, _ in EQUAL:
        unit = canonical_unit(code)
        assert unit is not None
        assert canonical_unit(unit[1]) == (1, unit[1])
