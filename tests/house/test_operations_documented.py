"""Every operation is a row of the table, a file, a declaration and a page; it works for every type."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fhir_server.operations import OPERATIONS
from tests.house.sources import ROOT
from tests.http_client import FhirHttp
from tests.minimal import minimal_resource

FOLDER = ROOT / "docs" / "operations"
HEADINGS = ["Request", "Answer", "Status codes"]
ROW = re.compile(
    r"^\| `\$([\w-]+)` \| ([a-z, ]+) \| (unchanged|changed) \| \[(\w+)\]\((\w+)\.md\) \|$", re.MULTILINE
)
STATEMENT: dict[str, Any] = json.loads((ROOT / "capability_statement.json").read_text("utf-8"))
REST = STATEMENT["rest"][0]
TYPES = {row["type"]: row.get("operation", []) for row in REST["resource"]}
DECLARED = {
    (operation["name"], operation["definition"])
    for operations in [*TYPES.values(), REST.get("operation", [])]
    for operation in operations
}


def page(name: str) -> str:
    """The page has the name of the file that performs the operation."""
    return OPERATIONS[name].perform.__module__.rpartition(".")[2]


def test_the_table_of_the_documentation_is_the_table_of_the_server() -> None:
    rows = ROW.findall((FOLDER / "README.md").read_text("utf-8"))
    found = {
        name: (set(levels.split(", ")), state == "changed", target) for name, levels, state, _, target in rows
    }
    expected = {name: (set(row.levels), row.affects_state, page(name)) for name, row in OPERATIONS.items()}
    assert found == expected


def test_what_is_declared_is_what_there_is() -> None:
    assert {(name, row.definition) for name, row in OPERATIONS.items()} == DECLARED


def test_there_is_a_page_for_each_operation_and_no_other() -> None:
    assert sorted(p.stem for p in FOLDER.glob("*.md") if p.stem != "README") == sorted(
        set(map(page, OPERATIONS))
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_page_says_what_is_asked_what_is_answered_and_with_which_status(name: str) -> None:
    text = (FOLDER / f"{page(name)}.md").read_text("utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [heading for heading in headings if heading in HEADINGS] == HEADINGS
    assert "https://hl7.org/fhir/R4/" in text
    assert "```http\n" in text


@pytest.mark.parametrize("resource_type", [type_ for type_ in TYPES if TYPES[type_]])
def test_validate_finds_no_error_in_the_smallest_valid_resource(fhir: FhirHttp, resource_type: str) -> None:
    answer = fhir.post(f"{resource_type}/$validate", minimal_resource(resource_type))
    assert answer.status_code == 200, answer.text
    assert [i for i in answer.json()["issue"] if i["severity"] in ("error", "fatal")] == []
