"""The page of SMART requirements names files and tests that exist, and every row without a test says why."""

from __future__ import annotations

import re

from tests.house.sources import ROOT

PAGE = ROOT / "docs" / "security" / "smart-requirements.md"
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.*?) ?\| (.*?) ?\|$", re.MULTILINE)
ROWS = [match.groups() for match in ROW.finditer(PAGE.read_text("utf-8"))]


def test_the_page_has_a_row_for_each_of_the_172_requirements() -> None:
    numbers = [int(row[0]) for row in ROWS]
    assert len(numbers) == 172
    assert numbers == sorted(set(numbers))


def test_every_file_and_test_that_the_page_names_exists() -> None:
    missing = []
    for number, _, _, where, shown in ROWS:
        for name in re.findall(r"`([^`]+)`", where):
            if not ((ROOT / "fhir_server" / name).is_file() or (ROOT / name).is_file()):
                missing.append((number, name))
        for name in re.findall(r"`([^`]+)`", shown):
            path, _, test = name.partition("::")
            file = ROOT / path
            if not file.is_file() or (test and f"def {test}(" not in file.read_text("utf-8")):
                missing.append((number, name))
    assert missing == []


def test_a_row_without_a_test_does_not_say_that_it_is_done() -> None:
    assert [row[0] for row in ROWS if not row[4] and row[2] == "yes"] == []


def test_the_page_counts_itself_right() -> None:
    shown = sum(bool(row[4]) for row in ROWS)
    assert f"{len(ROWS)} requirements; {shown} are shown by a test." in PAGE.read_text("utf-8")
