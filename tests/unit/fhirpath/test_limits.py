"""Hostile expressions, patterns and resources end early, with an error of the family."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.errors import FhirError
from fhir_server.fhirpath.evaluate import (
    Environment,
    FhirPathError,
    FhirPathTooCostly,
    Limits,
    Node,
    compile_expression,
)
from fhir_server.fhirpath.node import State
from fhir_server.fhirpath.pattern import compile_program
from fhir_server.fhirpath.regex import compile_pattern, find, search, substitute

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"given": ["a" * 2000]}]}


def state(**limits: int) -> State:
    return State(Node({}, "Patient", None), Environment(limits=Limits(**limits)))


@pytest.mark.parametrize(
    "expression",
    [
        "name.given.repeat($this & $this)",
        "('a' | 'b').repeat($this & 'x')",
        "1.repeat($this + 1)",
        "name.given.toChars().aggregate($total.combine($total), 1)",
        "name.given.toChars().aggregate($total & $total, 'ab')",
        "name.given.toChars()" + ".combine(name.given.toChars())" * 12 + ".select(name.given.toChars())",
        "name.given.replace('a', '" + "b" * 900 + "').replace('b', 'ccc') = ''",
        "name.given.matches('" + "a" * 1500 + "')",
        "name.given.replace('a', 'aaaaaaaa').replace('a', 'aaaaaaaa').matches('b')",
    ],
)
def test_evaluation_stops_at_its_limits(expression: str) -> None:
    with pytest.raises(FhirPathTooCostly) as refusal:
        compile_expression(expression, "Patient").evaluate(PATIENT)
    assert refusal.value.code == "too-costly"


def test_deep_resource_is_refused_not_a_recursion_error() -> None:
    extension: dict[str, Any] = {"url": "x"}
    for _ in range(20_000):
        extension = {"url": "x", "extension": [extension]}
    resource = {"resourceType": "Patient", "extension": [extension, {"url": "y", "extension": [extension]}]}
    with pytest.raises(FhirPathTooCostly):
        compile_expression("extension.extension.repeat($this)", "Patient").evaluate(resource)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("(a+)+$", "a" * 5000 + "b", False),
        ("(a*)*b", "a" * 3000, False),
        ("(a|aa)+$", "a" * 3000 + "b", False),
        ("a*a*a*a*b", "a" * 3000, False),
        ("([a-z]+)*[0-9]", "x" * 3000 + "7", True),
    ],
)
def test_no_pattern_explodes(pattern: str, text: str, expected: bool) -> None:
    assert search(compile_pattern(pattern, 1000), text, state(steps=100 * len(text))) is expected


def test_a_long_text_is_not_matched() -> None:
    with pytest.raises(FhirPathTooCostly):
        search(compile_pattern("a", 10), "a" * 101, state(matched=100))


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "a)",
        "*",
        "a**",
        "a|*",
        "[a",
        "\\1",
        "(?=a)",
        "(?!a)",
        "(?<=a)b",
        "a{3,2}",
        "a{2000}",
        "[z-a]",
        "(" * 40 + ")" * 40,
        "((a{500}){500}){500}",
        "(abcde){900}",
        "(a?){900}" * 9,
        "\\q",
        "(?",
    ],
)
def test_malformed_or_unbounded_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(FhirPathError):
        compile_program(pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "template", "expected"),
    [
        ("(?<d>[0-9]+)-(?P<m>[0-9]+)", "2020-01", "${m}/${d}", "01/2020"),
        ("b*", "abc", "-", "-a--c-"),
        ("(x)?b", "abc", "[$1]", "a[]c"),
        ("a", "aaa", "\\$1", "$1$1$1"),
        ("((a)+)+", "aab", "<$1$2>", "<aaa>b"),
        ("(?:a|b)+?", "ab", "$0$0", "aabb"),
    ],
)
def test_matches_are_replaced(pattern: str, text: str, template: str, expected: str) -> None:
    program = compile_pattern(pattern, 100)
    assert substitute(program, text, template, state()) == expected


def test_unknown_group_of_a_template_is_refused() -> None:
    with pytest.raises(FhirPathError):
        substitute(compile_pattern("a", 10), "a", "${n}", state())


ATOMS = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "(a)", "(?:ab)", "(a|b|)", "^", "$", "\\b"]
)
REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{1,}", "*?", "+?", "??"])
PATTERNS = st.lists(st.tuples(ATOMS, REPEATS), min_size=1, max_size=5).map(
    lambda parts: "".join(a + ("" if a in "^$\\b" else r) for a, r in parts)
)


@settings(max_examples=300, deadline=None)
@given(PATTERNS, st.text("ab1 ", max_size=8))
def test_machine_finds_what_backtracking_finds(pattern: str, text: str) -> None:
    program = compile_program(pattern)
    slow = find(program.__class__(pattern, program.code, program.groups, {}, -1), text, 0, state())
    match = re.compile(pattern, re.DOTALL).search(text)
    assert (slow is None) == (match is None)
    if slow is not None and match is not None:
        assert slow[:2] == match.span()


@settings(max_examples=300, deadline=None)
@given(st.text("ab.()[]{}'|=<$%@`\\ 0-9+*/&,~!TZ:", max_size=25))
def test_any_text_is_compiled_or_refused(text: str) -> None:
    with suppress(FhirError):
        compile_expression(text, "Patient").evaluate(PATIENT)


WORDS = """
name given ( ) . [ ] 0 1 'a' | = < > ~ and or + - * / & in is as String where( select( repeat( exists() $this
$index first() toString() children() descendants() @2020 1.5 {} matches( combine( iif( , %resource resolve()
Patient birthDate 3 days abs() power( substring( replace( aggregate( $total implies contains div mod
"""
FRAGMENTS = st.sampled_from(WORDS.split())


@settings(max_examples=500, deadline=None)
@given(st.lists(FRAGMENTS, max_size=14))
def test_any_mix_of_words_is_evaluated_or_refused(words: list[str]) -> None:
    text = " ".join(words)
    text += ")" * (text.count("(") - text.count(")"))
    with suppress(FhirError):
        compile_expression(text, "Patient").evaluate(PATIENT, Environment(limits=Limits(steps=5000)))


KEYS = [
    "name",
    "given",
    "_given",
    "extension",
    "url",
    "valueQuantity",
    "value",
    "deceasedBoolean",
    "period",
    "start",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)
HARD = [
    "descendants()",
    "name.given.extension.value",
    "name.period.start <= name.period.end",
    "deceased or extension.value = extension.value",
    "extension.value | name.given | name",
    "extension.value ~ name.given",
    "extension.value > 1",
    "name.given.toString()",
    "name.repeat(extension)",
    "extension.value.toQuantity()",
]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5), st.sampled_from(HARD))
def test_any_resource_is_evaluated_or_refused(content: dict[str, Any], expression: str) -> None:
    with suppress(FhirError):
        compile_expression(expression, "Patient").evaluate({"resourceType": "Patient", **content})


def nested(depth: int) -> dict[str, Any]:
    extension: dict[str, Any] = {"url": "x"}
    for _ in range(depth):
        extension = {"url": "x", "extension": [extension]}
    return extension


def test_comparing_deep_items_is_refused_not_a_recursion_error() -> None:
    resource = {"resourceType": "Patient", "extension": [nested(20_000), nested(20_000)]}
    with pytest.raises(FhirPathTooCostly):
        compile_expression("extension | name", "Patient").evaluate(resource)
