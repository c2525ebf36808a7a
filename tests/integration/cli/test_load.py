"""load: through the interactions into the database, resumable, with a report of what was refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.cli import load as load_command
from fhir_server.errors import Unavailable


def patient(id: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, **more}


def write_ndjson(path: Path, *resources: dict[str, Any]) -> None:
    path.write_bytes(gzip.compress("".join(f"{json.dumps(r)}\n" for r in resources).encode()))


def count(uri: str, database: str, collection: str) -> int:
    with MongoClient(uri) as client:
        return int(client[database][collection].count_documents({"_id": {"$regex": "^load-"}}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    write_ndjson(
        folder / "patients.ndjson.gz", patient("load-1"), patient("load-2", nonsense=1), patient("load-3")
    )
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:a84d6c0a-8e5c-4d0e-9a35-9c0b45c5b1a1",
                "resource": {"resourceType": "Patient", "name": [{"family": "Durand"}]},
                "request": {"method": "PUT", "url": "Patient/load-4"},
            }
        ],
    }
    bundle["entry"][0]["resource"]["id"] = "load-4"  # type: ignore[index]
    (folder / "bundle.json").write_text(json.dumps(bundle))
    return folder


def test_a_folder_is_loaded_refusals_are_reported_and_a_second_run_tries_only_them(
    invoke: Any, folder: Path, tmp_path: Path, mongodb_uri: str, database_name: str
) -> None:
    result = invoke("load", str(folder), "--errors", str(tmp_path / "errors.ndjson"))
    assert result.exit_code == 1
    assert count(mongodb_uri, database_name, "Patient") == 3
    assert "3 resources from 2 files" in result.stderr
    (row,) = map(json.loads, (tmp_path / "errors.ndjson").read_text("utf-8").splitlines())
    assert row["file"] == str(folder / "patients.ndjson.gz")
    assert row["line"] == 2
    assert "nonsense" in row["expression"] + row["diagnostics"]

    again = invoke("load", str(folder))
    assert again.exit_code == 1
    assert "0 resources from 1 files" in again.stderr
    assert "1 files were loaded before" in again.stderr
    assert count(mongodb_uri, database_name, "Patient") == 3


def test_many_errors_are_shown_in_part(invoke: Any, tmp_path: Path) -> None:
    write_ndjson(tmp_path / "x.ndjson.gz", *(patient(f"load-x{n}", nonsense=1) for n in range(30)))
    result = invoke("load", str(tmp_path / "x.ndjson.gz"))
    assert result.exit_code == 1
    assert "… and 10 more" in result.stderr
    assert "30 errors" in result.stderr


def test_update_as_create_is_open_to_the_operator_even_where_it_is_off(invoke: Any, tmp_path: Path) -> None:
    write_ndjson(tmp_path / "y.ndjson.gz", patient("load-operator"))
    result = invoke("load", str(tmp_path / "y.ndjson.gz"), UPDATE_CREATE="false")
    assert result.exit_code == 0, result.output


def test_a_folder_without_fhir_files_is_told(invoke: Any, tmp_path: Path) -> None:
    result = invoke("load", str(tmp_path))
    assert result.exit_code == 1
    assert "has no .json" in result.stderr


def test_a_database_that_goes_away_is_told_with_how_to_continue(
    invoke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the database is not reachable")

    monkeypatch.setattr(load_command, "load_file", away)
    (tmp_path / "z.json").write_text("{}")
    result = invoke("load", str(tmp_path / "z.json"))
    assert result.exit_code == 1
    assert "the same command continues" in result.stderr
