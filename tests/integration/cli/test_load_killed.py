"""A load may die at any moment: the next one neither repeats a Bundle nor leaves one out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.storage.loads import Loads
from tests.examples import entry, transaction
from tests.integration.running_process import short_transactions

BUNDLES = 120


def write_bundles(path: Path, key: str, number: int) -> None:
    """Each makes a new Patient and, with a condition, another."""
    rows = [
        transaction(
            entry("POST", "Patient", {"resourceType": "Patient", "name": [{"family": f"{key}{n}"}]}),
            entry("POST", "Basic", {"resourceType": "Basic", "code": {"text": f"{key}{n}"}}),
        )
        for n in range(number)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def stored(uri: str, database: str, key: str) -> int:
    with MongoClient(uri) as client:
        return int(client[database]["Patient"].count_documents({"t": {"$regex": f"^family={key}"}}))


def test_a_bundle_that_was_committed_but_not_noted_is_not_repeated(
    invoke: Any, tmp_path: Path, mongodb_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "unnoted.ndjson"
    write_bundles(file, "unnoted", 3)
    with monkeypatch.context() as patch:

        def die(*_: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(Loads, "record", die)
        assert invoke("load", str(file)).exit_code != 0
    assert stored(mongodb_uri, database_name, "unnoted") == 1
    result = invoke("load", str(file))
    assert result.exit_code == 0, result.stderr
    assert stored(mongodb_uri, database_name, "unnoted") == 3


def test_a_load_that_is_killed_again_and_again_loads_everything_once(
    tmp_path: Path, mongodb_uri: str, database_name: str
) -> None:
    file = tmp_path / "killed.ndjson"
    write_bundles(file, "killed", BUNDLES)
    environ = {**os.environ, "MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": database_name}
    command = [sys.executable, "-m", "fhir_server.cli", "load", str(file)]
    seen = 0
    with short_transactions(mongodb_uri):
        for _ in range(3):
            loading = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
            until = time.monotonic() + 30
            while loading.poll() is None and time.monotonic() < until:
                if (now := stored(mongodb_uri, database_name, "killed")) > seen:
                    seen = now
                    break
            loading.kill()
            loading.wait()
        assert seen > 0
        subprocess.run(command, env=environ, check=True, stderr=subprocess.DEVNULL)
    assert stored(mongodb_uri, database_name, "killed") == BUNDLES
