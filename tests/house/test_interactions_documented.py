"""Every interaction has its page and its row in docs/interactions/README.md."""

from __future__ import annotations

import re

import pytest

from fhir_server.interactions.answer import ROUTES
from fhir_server.interactions.dispatch import Interaction
from tests.house.sources import ROOT

FOLDER = ROOT / "docs" / "interactions"
HEADINGS = ["Request", "Answer", "Status codes"]
ROW = re.compile(r"^\| `([A-Z]+) ([^`]+)` \| `([a-z-]+)` \| \[([a-z_]+)\]\(([a-z_]+)\.md\) \|", re.MULTILINE)
# A POST of a Bundle to the base is one route with two interactions.
ALSO = {"batch": "transaction"}


def page(interaction: Interaction) -> str:
    """The page has the name of the file that performs the interaction."""
    return interaction.perform.__module__.rpartition(".")[2]


CELLS = [(m, shape, i) for shape, methods in ROUTES.items() for m, i in methods.items()]
PAGES = sorted({page(interaction) for _, _, interaction in CELLS})


def table() -> dict[tuple[str, str], tuple[str, str]]:
    """(method, path) → (code, page), as the documentation says."""
    text = (FOLDER / "README.md").read_text("utf-8")
    rows = ROW.findall(text)
    assert all(label == target for *_, label, target in rows)
    return {(method, path): (code, target) for method, path, code, _, target in rows if code not in ALSO}


def written(shape: tuple[str, ...]) -> str:
    """("<type>", "<id>") → [base]/[type]/[id], as the specification writes it."""
    return "/".join(["[base]", *(re.sub("<(.+)>", r"[\1]", part) for part in shape)])


def test_the_table_of_the_documentation_is_the_table_of_the_server() -> None:
    expected = {(method, written(shape)): (i.code, page(i)) for method, shape, i in CELLS}
    assert table() == expected


def test_there_is_a_page_for_each_file_of_interactions_and_no_other() -> None:
    assert sorted(p.stem for p in FOLDER.glob("*.md") if p.stem != "README") == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_is_asked_what_is_answered_and_with_which_status(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text("utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [heading for heading in headings if heading in HEADINGS] == HEADINGS
    assert "https://hl7.org/fhir/R4/" in text
    assert "```http\n" in text


@pytest.mark.parametrize(("method", "shape", "interaction"), CELLS)
def test_the_page_of_an_interaction_names_its_code(
    method: str, shape: tuple[str, ...], interaction: Interaction
) -> None:
    text = (FOLDER / f"{page(interaction)}.md").read_text("utf-8")
    assert f"`{interaction.code}`" in text, f"{method} {shape}"
