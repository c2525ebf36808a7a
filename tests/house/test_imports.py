"""The walls of setup.cfg stand, and importing the server stays cheap."""

from __future__ import annotations

import subprocess
import sys

import pytest
from importlinter.cli import lint_imports

from tests.house.sources import ROOT

# What an import of the server must not pull in: model libraries, what only one command or one setting
# needs, and what only tests need.
NOT_NEEDED = {
    "click",
    "fhir",
    "fiftyone",
    "flask",
    "gunicorn",
    "hypothesis",
    "jsonschema",
    "lxml",
    "pydantic",
    "pytest",
    "requests",
    "tqdm",
}


def imported_by(module: str) -> set[str]:
    """Returns the top-level names a fresh process has imported after one module."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(run.stdout.split())


def test_the_walls_of_setup_cfg_stand(capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(ROOT / "setup.cfg"), no_cache=True, no_logo=True)
    assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize("module", ["fhir_server", "fhir_server.app"])
def test_importing_the_server_pulls_in_nothing_it_does_not_need(module: str) -> None:
    assert imported_by(module) & NOT_NEEDED == set()


def test_importing_the_package_alone_imports_no_database() -> None:
    assert imported_by("fhir_server") & {"pymongo", "mongoengine", "authlib"} == set()


def test_the_pure_floors_import_neither_database_nor_web_framework() -> None:
    for floor in ("fhirpath.evaluate", "validation.validate", "search.index", "policy.decide"):
        found = imported_by(f"fhir_server.{floor}")
        assert found & (NOT_NEEDED | {"pymongo", "mongoengine", "authlib"}) == set(), floor
