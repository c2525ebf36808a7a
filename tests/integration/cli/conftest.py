"""The command line in this process, on the database of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli import main

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(mongodb_uri: str, database_name: str, tmp_path: Path) -> Invoke:
    """Runs one command; further settings as keywords."""

    def run(*arguments: str, **environ: str) -> Result:
        settings = {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": database_name, "DATA": str(tmp_path)}
        return CliRunner(env={**settings, **environ}).invoke(main, list(arguments))

    return run
