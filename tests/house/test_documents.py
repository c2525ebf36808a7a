"""Links lead somewhere, and no file tells where it was written."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from fhir_server.cli import main
from tests.house.sources import ROOT, files, name

PAGES = files(".md")
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
MACHINE_PATH = re.compile(
    r"(?<![\w./:-])/(?:work|root|Users|home/[a-z])[/\w]|/tmp/(?:venv|r4)|[A-Z]:\\\\Users"
)
TEXTS = [p for suffix in (".md", ".py", ".toml", ".cfg", ".yaml", ".sh", ".conf") for p in files(suffix)]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def anchors(path: Path) -> set[str]:
    """The fragments of the headings of a page, as code hosts make them."""
    titles = HEADING.findall(path.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(CODE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = unquote(link).partition("#")
        found = (page.parent / target).resolve() if target else page
        is_ours = found.exists() and ROOT in [found, *found.parents]
        if not is_ours or (fragment and fragment not in anchors(found)):
            broken.append(link)
    assert broken == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    here = Path(__file__)
    found = {name(p): m[0] for p in TEXTS if p != here and (m := MACHINE_PATH.search(p.read_text("utf-8")))}
    assert found == {}


@pytest.mark.parametrize("path", DECISIONS, ids=name)
def test_a_decision_has_the_four_parts_and_fits_one_page(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Options", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 60


def test_decisions_are_numbered_without_gap_or_repetition() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_code_names_decisions_that_exist() -> None:
    for path in files(".py", "fhir_server"):
        for link in re.findall(r"docs/[\w./-]+\.md", path.read_text("utf-8")):
            assert (ROOT / link).is_file(), (name(path), link)


def test_the_readme_names_every_folder_and_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    table = text.partition("| folder of `fhir_server/`")[2].partition("\n\n")[0]
    folders = {path.parent.name for path in (ROOT / "fhir_server").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)/`", table, re.MULTILINE)) == folders
    named = set(re.findall(r"^\| `fhir-server (\w+)", text, re.MULTILINE))
    assert named == set(main.commands)
