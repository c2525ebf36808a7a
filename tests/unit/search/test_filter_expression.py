"""The text of a _filter is read as its grammar says, in linear time; an error says its place."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.errors import FhirError, Invalid, TooCostly
from fhir_server.search.filter_expression import (
    MAX_COMPARISONS,
    MAX_DEPTH,
    OPERATORS,
    Comparison,
    Expression,
    Logical,
    parse_filter,
)
from tests.growth import assert_linear


def show(expression: Expression) -> str:
    """Writes a tree with all its parentheses."""
    if isinstance(expression, Logical) and expression.operator == "not":
        return f"not({show(expression.parts[0])})"
    if isinstance(expression, Logical):
        return "(" + f" {expression.operator} ".join(show(p) for p in expression.parts) + ")"
    path = ".".join(s.name + (f"[{show(s.filter)}]" if s.filter else "") for s in expression.path)
    return f"{path} {expression.operator} {json.dumps(expression.value, ensure_ascii=False)}"


READ = [
    ('name co "pet"', 'name co "pet"'),
    ("a eq 1", 'a eq "1"'),
    ("a  eq\t1 ", 'a eq "1"'),
    ("a EQ 1 AND b Eq 2", '(a eq "1" and b eq "2")'),
    ('given eq "peter" and birthdate ge 2014-10-10', '(given eq "peter" and birthdate ge "2014-10-10")'),
    ("code eq http://loinc.org|1234-5", 'code eq "http://loinc.org|1234-5"'),
    ('subject.name co "pet"', 'subject.name co "pet"'),
    ("subject:Patient.name co pet", 'subject:Patient.name co "pet"'),
    ('related[type eq "has-component"].target pr true', 'related[type eq "has-component"].target pr "true"'),
    (
        "related[type eq has-component].target re Observation/4",
        'related[type eq "has-component"].target re "Observation/4"',
    ),
    ("a[b eq 1 or not (c eq 2)].d.e eq 3", 'a[(b eq "1" or not(c eq "2"))].d.e eq "3"'),
    # No precedence between and and or: from left to right.
    ("a eq 1 or b eq 2 and c eq 3", '((a eq "1" or b eq "2") and c eq "3")'),
    ("a eq 1 and b eq 2 or c eq 3", '((a eq "1" and b eq "2") or c eq "3")'),
    ("a eq 1 or (b eq 2 and c eq 3)", '(a eq "1" or (b eq "2" and c eq "3"))'),
    ("a eq 1 or b eq 2 or c eq 3", '(a eq "1" or b eq "2" or c eq "3")'),
    ("not(a eq 1)", 'not(a eq "1")'),
    ("NOT  ( a eq 1 ) or b eq 2", '(not(a eq "1") or b eq "2")'),
    ("((a eq 1))", 'a eq "1"'),
    ("(a eq 1)and(b eq 2)", '(a eq "1" and b eq "2")'),
    ("not eq 1", 'not eq "1"'),
    ("nothing eq 1", 'nothing eq "1"'),
    ("_id eq and", '_id eq "and"'),
    ("dose-number gt 2", 'dose-number gt "2"'),
    (r'a eq "x \"y\" \\ \u00e9 )] and"', r'a eq "x \"y\" \\ é )] and"'),
    ('(a eq "1")', 'a eq "1"'),
]


@pytest.mark.parametrize(("text", "tree"), READ)
def test_a_filter_is_read_as_the_grammar_says(text: str, tree: str) -> None:
    assert show(parse_filter(text)) == tree


REFUSED = [
    ("", "the end"),
    ("   ", "the end"),
    ("a", "the end"),
    ("a eq", "the end"),
    ("a eq )", "character 6"),
    ("a is 1", "character 2"),
    ("aeq 1", "character 4"),
    ("a eq1", "character 2"),
    ('a eq"1"', "character 2"),
    ("a eq 1 b eq 2", "character 8"),
    ("a eq 1 and", "the end"),
    ("a eq 1 and and", "the end"),
    ("(a eq 1", "the end"),
    ("a eq 1)", "character 7"),
    ("not(a eq 1", "the end"),
    ("a[b eq 1] eq 2", "character 10"),
    ("a[b eq 1.c eq 2", "character 12"),
    ("a. eq 1", "character 3"),
    ("1a eq 1", "character 1"),
    ("a:patient eq 1", "character 2"),
    ('a eq "x', "character 6"),
    (r'a eq "\x"', "character 6"),
    ('a eq "x"y', "character 9"),
    ("a..b eq 1", "character 3"),
]


@pytest.mark.parametrize(("text", "place"), REFUSED)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_filter(text)
    assert f"at {place}" in caught.value.diagnostics.replace(",", "")
    assert caught.value.issues[0].expression == "http._filter"


def test_depth_and_number_are_limited() -> None:
    parse_filter("(" * MAX_DEPTH + "a eq 1" + ")" * MAX_DEPTH)
    parse_filter(" and ".join(["a eq 1"] * MAX_COMPARISONS))
    for text in (
        "(" * 100_000,
        "not(" * 100_000,
        "a[" * 100_000,
        " or ".join(["a eq 1"] * (MAX_COMPARISONS + 1)),
    ):
        with pytest.raises(TooCostly):
            parse_filter(text)


@pytest.mark.parametrize("text", ['a eq "{}', "a{}", "{} ", "a{}b", "a eq {}"])
@pytest.mark.parametrize("repeated", ["\\", "x", " ", "a."])
def test_long_texts_are_read_in_linear_time(text: str, repeated: str) -> None:
    def read(size: int) -> None:
        with suppress(Invalid, TooCostly):
            parse_filter(text.format(repeated * size))

    assert_linear(read, 5_000)


names = st.from_regex(r"[a-z_][a-z0-9_-]{0,5}", fullmatch=True).filter(lambda n: n != "not")
comparisons = st.builds(
    lambda path, operator, value: f"{'.'.join(path)} {operator} {json.dumps(value)}",
    st.lists(names, min_size=1, max_size=3),
    st.sampled_from(sorted(OPERATORS)),
    st.text(max_size=8),
)


@st.composite
def filters(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.booleans()):
        return str(draw(comparisons))
    kind = draw(st.sampled_from(["and", "or", "not", "()", "[]"]))
    inside = draw(filters(depth - 1))
    if kind in ("and", "or"):
        return f"({inside}) {kind} ({draw(filters(depth - 1))})"
    if kind == "[]":
        return f"a[{inside}].b eq 1"
    return f"{kind.strip('()')}({inside})"


@given(filters())
@settings(max_examples=200, deadline=None)
def test_a_tree_that_is_written_and_read_again_is_the_same(text: str) -> None:
    tree = parse_filter(text)
    assert show(parse_filter(show(tree))) == show(tree)


@given(st.text(alphabet='ab()[]."\\ enotrqd1:|-', max_size=30))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        tree = parse_filter(text)
    except FhirError as error:
        assert error.issues[0].expression == "http._filter"  # noqa: PT017 - either is right
    else:
        assert isinstance(tree, Comparison | Logical)
