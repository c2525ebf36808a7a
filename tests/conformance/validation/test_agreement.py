"""Our verdicts agree with those HL7's validator gave on the same resources; `make conformance` asks it again."""

from __future__ import annotations

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
from tests.conformance.validation.explained import EXPLAINED

PAGE = FOLDER.parents[2] / "docs" / "validation.md"


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


def test_each_difference_is_explained_and_nothing_else_is(rows: list[Comparison]) -> None:
    found = {row.kind for row in rows if not row.agrees}
    assert found == set(EXPLAINED)


def test_the_page_explains_each_difference() -> None:
    text = PAGE.read_text("utf-8")
    missing = [kind for kind in EXPLAINED if f"`{kind}`" not in text]
    assert missing == []


def test_where_we_are_stricter_we_refuse_every_case(rows: list[Comparison]) -> None:
    assert all(row.ours for row in rows if row.case.rule == APART)


def test_a_specimen_has_no_error() -> None:
    sound = [case for case in all_cases() if case.way == "as it is"]
    assert len(sound) >= 37
    assert {case.id: our_errors(case) for case in sound if our_errors(case)} == {}
