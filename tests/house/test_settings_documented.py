"""Every setting is in docs/settings.md, and nothing is set behind its back."""

from __future__ import annotations

import ast
import re

from fhir_server.cli.check import settings_page
from fhir_server.settings import FILE_VARIABLE, SETTINGS
from tests.house.sources import ROOT, files, name, tree

PAGE = ROOT / "docs" / "settings.md"
# The one reader, and the commands that hand the environment over to it or to the programs they start.
READS_THE_ENVIRONMENT = {
    "fhir_server/settings.py",
    "fhir_server/cli/demo.py",
    "fhir_server/cli/surroundings.py",
}


def test_the_settings_page_is_the_one_that_the_table_writes() -> None:
    assert PAGE.read_text("utf-8") == settings_page()


def test_the_settings_page_has_a_row_for_every_setting() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [setting.name for setting in SETTINGS]
    assert FILE_VARIABLE in PAGE.read_text("utf-8")


def test_no_other_file_reads_the_environment() -> None:
    readers = {
        name(path)
        for path in files(".py", "fhir_server")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and _is_os(node.value)
    }
    assert readers <= READS_THE_ENVIRONMENT


def _is_os(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "os"


def test_every_setting_that_operations_files_name_exists() -> None:
    known = {setting.name for setting in SETTINGS} | {FILE_VARIABLE}
    text = (ROOT / "ops" / "compose.yaml").read_text("utf-8")
    named = set(re.findall(r"^\s+([A-Z][A-Z_]+[A-Z]): ", text, re.MULTILINE))
    assert named
    assert named <= known
