"""Our exact table agrees with ucumvert (pint, doubles) on the list of common UCUM units. https://ucum.org/ucum"""

from __future__ import annotations

import csv
from fractions import Fraction
from importlib import resources
from typing import Any

import pytest
from ucumvert import PintUcumRegistry

from fhir_server.fhir.ucum import canonical_unit

SPECIAL = {"Cel", "[degF]", "[pH]", "dB", "Torr"}
"""With an offset or a logarithm; and one that is not of UCUM."""

SCALES = {"m[Hg]": Fraction(133_322), "[in_i'H2O]": Fraction(24_908_891, 100_000)}
"""Where pint has constants of its own, those of the UCUM table, in Pa: m[Hg] is 133.3220 kPa."""


@pytest.fixture(scope="module")
def library() -> Any:
    return PintUcumRegistry()


@pytest.fixture(scope="module")
def codes() -> list[str]:
    text = resources.files("ucumvert").joinpath("vendor/ucum_examples.tsv").read_text("utf-8")
    return [row["UCUM_CODE"] for row in csv.DictReader(text.splitlines(), delimiter="\t")]


def test_every_common_unit_has_a_canonical_form_but_special_ones(codes: list[str]) -> None:
    assert len(codes) > 800
    assert {code for code in codes if canonical_unit(code) is None} == SPECIAL


def test_common_units_are_in_the_ratio_that_the_library_finds(codes: list[str], library: Any) -> None:
    first: dict[str, tuple[Fraction, Any]] = {}
    compared = 0
    for code in codes:
        ours = canonical_unit(code)
        if ours is None or "Hg]" in code or code == "[in_i'H2O]":
            continue
        found = library.from_ucum(code)
        number, unit = getattr(found, "magnitude", found), str(getattr(found, "units", ""))
        if not isinstance(number, int | float):
            assert (code[0], ours) == ("{", (1, "1"))  # an annotation alone is 1, and no number of theirs
            continue
        theirs = library.Quantity(number, unit)
        factor, other = first.setdefault(ours[1], (ours[0], theirs))
        ratio = (theirs / other).to_base_units()
        assert ratio.dimensionless, code
        assert ratio.magnitude == pytest.approx(float(ours[0] / factor), rel=1e-9), code
        compared += 1
    assert compared > 700


@pytest.mark.parametrize("code", SCALES)
def test_where_the_library_has_other_constants_the_table_of_ucum_counts(code: str) -> None:
    pascal, unit = canonical_unit("Pa"), canonical_unit(code)
    assert pascal is not None
    assert unit is not None
    assert unit[0] / pascal[0] == SCALES[code]
    assert unit[1] == pascal[1]
