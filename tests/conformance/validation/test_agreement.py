"""Our verdicts agree with those HL7's validator gave on the same cases; `make conformance` asks it again."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from fhir_server.fhir.json import encode_json
from tests.conformance.validation.agreement import (
    DELIBERATE,
    Comparison,
    agreement,
    compare,
    our_errors,
    our_issues,
    read_verdicts,
    undecided,
)
from tests.conformance.validation.corpus import FOLDER, RULES, WAYS, Case, all_cases, specimens

PAGE = FOLDER.parents[2] / "docs" / "validation.md"
ROW = re.compile(r"^\| `((?:ours|hl7):[^`]+)` \| (\d+) \|", re.MULTILINE)
FIGURE = re.compile(r"^\| [a-z ]+ \| ([\d,]+) \| ([\d.]+) % \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def rows() -> list[Comparison]:
    return compare(read_verdicts())


def test_the_corpus_breaks_each_rule_in_five_ways_in_thirty_types() -> None:
    assert len(all_cases()) >= 1500
    assert len(specimens()) >= 30
    counts = Counter(case.id.rpartition("/")[0] for case in all_cases())
    for rule in RULES:
        full = [type_ for type_ in specimens() if counts[f"{rule}/{type_}"] >= WAYS]
        assert len(full) >= 30, rule


def test_every_verdict_is_about_the_case_as_it_is_now() -> None:
    said = {verdict.id: verdict.digest for verdict in read_verdicts()}
    assert said == {case.id: case.digest for case in all_cases()}


def test_we_agree_with_hl7_on_ninety_nine_of_a_hundred_resources_but_where_we_decided_otherwise(
    rows: list[Comparison],
) -> None:
    assert agreement(undecided(rows)) >= 0.99
    # Of all cases, with those that were written to show where we differ on purpose.
    assert agreement(rows) >= 0.99


def test_the_page_explains_each_difference_and_nothing_else(rows: list[Comparison]) -> None:
    found = Counter(row.kind for row in rows if not row.agrees)
    assert {kind: int(count) for kind, count in ROW.findall(PAGE.read_text("utf-8"))} == found


def test_the_figures_of_the_page_are_those_that_are_measured(rows: list[Comparison]) -> None:
    measured = [(f"{len(some):,}", f"{100 * agreement(some):.2f}") for some in (rows, undecided(rows))]
    assert FIGURE.findall(PAGE.read_text("utf-8")) == measured


def test_each_deliberate_difference_is_met(rows: list[Comparison]) -> None:
    assert {row.kind for row in rows if not row.agrees} >= DELIBERATE


def test_where_we_are_stricter_we_object_to_every_case_and_refuse_every_narrative() -> None:
    cases = [case for case in all_cases() if case.rule == "stricter"]
    for case in cases:
        told = {issue.message_id: issue.severity for issue in our_issues(case)}
        assert "error" in told.values() or "reference:form" in told, case.id
        assert "text.div" not in case.way or "error" in told.values(), case.id


def test_a_specimen_has_no_error() -> None:
    for type_, specimen in specimens().items():
        assert our_errors(Case(type_, "as it is", encode_json(specimen).decode())) == (), type_
