"""Our verdicts agree with those HL7's validator gave on the same cases; `make conformance` asks it again."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.conformance.validation.agreement import (
    APART,
    Comparison,
    agreement,
    compare,
    our_errors,
    read_verdicts,
)
from tests.conformance.validation.corpus import FOLDER, RULES, WAYS, all_cases, specimens

PAGE = FOLDER.parents[2] / "docs" / "validation.md"
ROW = re.compile(r"^\| `((?:ours|hl7):[^`]+)` \| (\d+) \|", re.MULTILINE)
FIGURE = re.compile(r"^\| all rules of R4 and of profiles \| ([\d,]+) \| ([\d.]+) % \|$", re.MULTILINE)


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


def test_we_agree_with_hl7_on_ninety_nine_of_a_hundred_resources(rows: list[Comparison]) -> None:
    assert agreement(rows) >= 0.99


def test_the_page_explains_each_difference_and_nothing_else(rows: list[Comparison]) -> None:
    found = Counter(row.kind for row in rows if not row.agrees)
    assert {kind: int(count) for kind, count in ROW.findall(PAGE.read_text("utf-8"))} == found


def test_the_figure_of_the_page_is_the_one_that_is_measured(rows: list[Comparison]) -> None:
    cases, share = FIGURE.findall(PAGE.read_text("utf-8"))[0]
    assert int(cases.replace(",", "")) == sum(row.case.rule != APART for row in rows)
    assert share == f"{100 * agreement(rows):.2f}"


def test_where_we_are_stricter_we_refuse_every_case(rows: list[Comparison]) -> None:
    assert all(row.ours for row in rows if row.case.rule == APART)


def test_a_specimen_has_no_error() -> None:
    sound = [case for case in all_cases() if case.way == "as it is"]
    assert len(sound) >= 37
    assert {case.id: our_errors(case) for case in sound if our_errors(case)} == {}
