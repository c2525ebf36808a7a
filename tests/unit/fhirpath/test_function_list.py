"""Every function of N1 and of FHIR R4 is there; later ones are refused when the expression is compiled."""

from __future__ import annotations

import pytest

from fhir_server.fhirpath.evaluate import FhirPathError, compile_expression
from fhir_server.fhirpath.functions import FUNCTIONS

CONVERSIONS = ("Boolean", "Integer", "Date", "DateTime", "Decimal", "Quantity", "String", "Time")
N1 = """
    empty exists all allTrue anyTrue allFalse anyFalse subsetOf supersetOf count distinct isDistinct
    where select repeat ofType single first last tail skip take intersect exclude union combine iif
    indexOf substring startsWith endsWith contains upper lower replace matches replaceMatches length toChars
    abs ceiling exp floor ln log power round sqrt truncate
    children descendants trace now timeOfDay today is as not aggregate type
"""
R4 = """
    extension hasValue getValue resolve elementDefinition slice checkModifiers conformsTo memberOf subsumes
    subsumedBy htmlChecks
"""
LATER = """
    encode('hex') decode('hex') escape('html') unescape('html') trim() split(',') join(',') matchesFull('a')
    lastIndexOf('a') precision() sort() coalesce(1) defineVariable('a') comparable(1) weight() repeatAll(id)
    allTrue(1) lowBoundary(1,2) slice('a') subsumes() elementDefinition(1)
"""


def test_all_functions_of_n1_and_r4_are_there() -> None:
    conversions = {f"{verb}{name}" for name in CONVERSIONS for verb in ("to", "convertsTo")}
    assert {*N1.split(), *R4.split(), *conversions} <= FUNCTIONS.keys()


@pytest.mark.parametrize(
    "call",
    LATER.split(),
)
def test_what_came_later_or_has_other_arguments_is_refused_when_compiled(call: str) -> None:
    with pytest.raises(FhirPathError, match=call.partition("(")[0]):
        compile_expression(f"Patient.id.{call}", "Patient")
