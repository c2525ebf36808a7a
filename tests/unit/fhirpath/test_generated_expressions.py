"""Generated expressions yield what fhirpathpy, a second implementation, yields, but for DIFFERENCES.

http://hl7.org/fhirpath/N1/. FHIRPATH_EXAMPLES expressions (400). Of an expression that differs the smallest
part that differs is looked for; it is that part which needs a row.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import fhirpathpy
import pytest
from fhirpathpy.models import models
from hypothesis import HealthCheck, Phase, given, settings

from fhir_server.fhirpath.evaluate import FhirPathError, compile_uncached
from tests.unit.fhirpath.generated_expressions import OBSERVATION, PATIENT, QUESTIONNAIRE, Part, expressions

EXAMPLES = int(os.environ.get("FHIRPATH_EXAMPLES") or 400)
Json = dict[str, Any]
Answer = list[str]
REFUSED = ["refused"]


class Difference(NamedTuple):
    """Where the other implementation departs from the specification."""

    name: str
    """Functions and operators, separated by spaces."""
    concerns: Callable[[str, Answer, Answer], bool]
    """(expression, our answer, theirs)"""
    sentence: str
    """Of N1; sides with us."""
    example: tuple[Json, str]
    """An expression on which we differ."""


_TIMES = re.compile(r"[0-9] (?:hours?|minutes) !?= [0-9]+ (?:hours?|minutes)")
_ITERATES = re.compile(r"\b(?:where|select|exists|all|repeat|iif|aggregate)\(")


def _is_number(answer: Answer) -> bool:
    return len(answer) == 1 and re.fullmatch(r"-?[0-9.]+(?:e[+-]?[0-9]+)?", answer[0]) is not None


def _is_large(answer: Answer) -> bool:
    return answer in (["inf"], ["-inf"]) or (_is_number(answer) and abs(float(answer[0])) >= 2**31)


DIFFERENCES = [
    Difference(
        "union combine intersect exclude subsetOf supersetOf",
        lambda text, ours, theirs: _ITERATES.search(text) is not None,
        "5.4.1: name.select(use.union(given)) is the same as name.select(use | given): the argument is "
        "evaluated on the context of the call, which an iteration that is over is not.",
        (PATIENT, "name.where(true).intersect(name).count()"),
    ),
    Difference(
        "replace",
        lambda text, ours, theirs: ours == ["''"] and theirs == [],
        "5.6.8: If the input collection is empty, the result is empty. A string of no length is one item.",
        (PATIENT, "''.replace('n', '')"),
    ),
    Difference(
        "startsWith endsWith",
        lambda text, ours, theirs: (ours, theirs) == (["True"], ["False"]) and "''" in text,
        "5.6.3, 5.6.4: If prefix (suffix) is the empty string, the result is true.",
        (PATIENT, "''.startsWith('')"),
    ),
    Difference(
        "power",
        lambda text, ours, theirs: _is_number(ours) and theirs == [],
        "5.7.7: If the power cannot be represented (such as the -1 raised to the 0.5), the result is empty. "
        "-3 squared can be represented.",
        (PATIENT, "(-3).power(2)"),
    ),
    Difference(
        "round",
        lambda text, ours, theirs: _is_number(ours) and _is_number(theirs) and "round(" in text,
        "5.7.8: Rounds the decimal to the nearest whole number using a traditional round (0.5 to 1).",
        (PATIENT, "2.50.round(0)"),
    ),
    Difference(
        "ln exp",
        lambda text, ours, theirs: ours == [] and theirs in (["-inf"], ["inf"]),
        "4.1.4: a Decimal is a finite number; the logarithm of 0 is none. 6.6: overflow is empty.",
        (PATIENT, "0.ln()"),
    ),
    Difference(
        "mod",
        lambda text, ours, theirs: _is_number(ours) and _is_number(theirs),
        "6.6.6: Computes the remainder of the truncated division: it has the sign of the dividend.",
        (PATIENT, "(-3) mod 2"),
    ),
    Difference(
        "div + - * floor ceiling truncate power",
        lambda text, ours, theirs: ours == [] and _is_large(theirs),
        "6.6: Operations that cause arithmetic overflow or underflow will result in empty ({ }).",
        (PATIENT, "30.exp() div 1"),
    ),
    Difference(
        "toString",
        lambda text, ours, theirs: _number(ours) is not None and _number(ours) == _number(theirs),
        "5.5.8: Decimal is written (+|-)?#0.0#, without exponent; its precision is part of it.",
        (PATIENT, "2.round(2).toString()"),
    ),
    Difference(
        "convertsToBoolean",
        lambda text, ours, theirs: (ours, theirs) == (["True"], ["False"]),
        "5.5.2: true where the item is a String that is one of true, t, yes, y, 1, 1.0: whatever yielded it.",
        (QUESTIONNAIRE, "iif(false, item.first().linkId, item.first().linkId).convertsToBoolean()"),
    ),
    Difference(
        "= !=",
        lambda text, ours, theirs: ours == [] and any(unit in text for unit in ("'mg'", "'cm'", "hour")),
        "6.1.1: if the dimensions of two quantities differ, or their units, the result is empty.",
        (PATIENT, "1 'mg' = 1 'cm'"),
    ),
    Difference(
        "startsWith endsWith contains indexOf replace matches",
        lambda text, ours, theirs: theirs == [] and "aggregate(" in text,
        "As for union: the argument is evaluated on the context of the call, not that of aggregate().",
        (PATIENT, "(1 | 2 | 3).aggregate($this + $total, 0).toString().startsWith(gender)"),
    ),
    Difference(
        "= !=",
        lambda text, ours, theirs: _TIMES.search(text) is not None,
        "6.1.1: quantities are compared in one unit: 1 hour is 60 minutes and not 90.",
        (PATIENT, "90 minutes = 1 hour"),
    ),
    Difference(
        "path",
        lambda text, ours, theirs: theirs == [] and "ofType(" in text and "distinct()" in text,
        "5.1.12: distinct() returns the unique items of the input: they keep their types.",
        (OBSERVATION, "component.distinct()[2].select(value.ofType(string))"),
    ),
    Difference(
        "|",
        lambda text, ours, theirs: set(ours) == set(theirs) and len(ours) == len(set(ours)),
        "6.5.1: Merge the two collections into a single collection, eliminating any duplicate values.",
        (
            OBSERVATION,
            "((status | category) | (component.select('') | status))",
        ),
    ),
    Difference(
        "first last tail take skip index",
        lambda text, ours, theirs: "descendants()" in text or "children()" in text,
        "5.8.1: the ordering of the children is undefined, and using operations like first() on the result "
        "may return different results on different platforms.",
        (QUESTIONNAIRE, "item.descendants().last()"),
    ),
]


def _number(answer: Answer) -> float | None:
    """Returns a number that was written as a string, as far as both know its digits."""
    text = answer[0].strip("'") if len(answer) == 1 else ""
    return float(f"{Decimal(text):.12g}") if re.fullmatch(r"-?[0-9.]+(?:E[+-]?[0-9]+)?", text) else None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return float(f"{Decimal(value):.9g}") + 0.0
    return getattr(value, "asStr", value)


def answer(resource: Json, text: str) -> Answer:
    try:
        found = compile_uncached(text, resource["resourceType"]).evaluate(resource)
    except FhirPathError:
        return REFUSED
    return sorted(repr(_plain(node.value)) for node in found)


def other_answer(resource: Json, text: str) -> Answer | None:
    """None where the other implementation has no answer."""
    try:
        found = fhirpathpy.evaluate(resource, text, {}, models["r4"])
    except Exception:
        return None
    return sorted(repr(_plain(item)) for item in (found if isinstance(found, list) else [found]))


Wrap = Callable[[str], str]


def smallest(
    resource: Json, part: Part, wrap: Wrap = lambda text: text
) -> tuple[str, str, Answer, Answer] | None:
    """Returns (name, expression, our answer, theirs) of the smallest part that differs."""
    if part.name == "literal":
        # Quantities and dates are other objects there: what is made of them is compared.
        return None
    for inner in part.parts:
        found = smallest(resource, inner, wrap)
        if found is not None:
            return found
    if part.each is not None:
        items, criteria = part.each
        for i in range(4):
            found = smallest(resource, criteria, lambda text, i=i: wrap(f"{items}[{i}].select({text})"))
            if found is not None:
                return found
    text = wrap(part.text)
    ours, theirs = answer(resource, text), other_answer(resource, text)
    return None if theirs is None or ours == theirs else (part.name, text, ours, theirs)


def is_listed(name: str, text: str, ours: Answer, theirs: Answer) -> bool:
    return any(name in row.name.split() and row.concerns(text, ours, theirs) for row in DIFFERENCES)


@settings(
    max_examples=EXAMPLES,
    # The few are always the same; the many are new ones each time.
    derandomize="FHIRPATH_EXAMPLES" not in os.environ,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(expressions())
def test_a_generated_expression_yields_what_another_implementation_yields(drawn: tuple[Json, Part]) -> None:
    resource, part = drawn
    ours, theirs = answer(resource, part.text), other_answer(resource, part.text)
    if theirs is None or ours == theirs:
        return
    found = smallest(resource, part)
    assert found is not None
    assert is_listed(*found), found


@settings(max_examples=200, deadline=None, phases=[Phase.generate])
@given(expressions())
def test_a_generated_expression_is_not_refused(drawn: tuple[Json, Part]) -> None:
    resource, part = drawn
    assert answer(resource, part.text) != REFUSED


@pytest.mark.parametrize("row", DIFFERENCES, ids=[row.name for row in DIFFERENCES])
def test_the_other_implementation_still_differs_as_its_row_says(row: Difference) -> None:
    resource, text = row.example
    ours, theirs = answer(resource, text), other_answer(resource, text)
    assert theirs is not None
    assert ours != theirs
