"""token, check, reindex, definitions and what they say when they cannot."""

from __future__ import annotations

import gc
import io
import json
import os
import runpy
import socket
import tarfile
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.cli import run as run_command
from fhir_server.cli import surroundings
from fhir_server.cli.run import gunicorn_options
from fhir_server.definitions import compile_package
from fhir_server.settings import load_settings
from fhir_server.storage.embedded import EmbeddedMongo

PATIENT = {"resourceType": "Patient", "id": "a", "name": [{"family": "Martin"}]}


def test_help_names_every_command(invoke: Any) -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    for command in ("demo", "run", "load", "token", "reindex", "check", "definitions"):
        assert command in result.output


def test_the_package_runs_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["fhir-server", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("fhir_server.cli", run_name="__main__")
    assert ended.value.code == 0


def test_a_token_is_printed_once_and_kept_as_a_hash(
    invoke: Any, mongodb_uri: str, database_name: str
) -> None:
    result = invoke("token", "--scope", "system/*.cruds", "--client", "test", "--expires", "60")
    assert result.exit_code == 0, result.output
    token = result.stdout.strip()
    assert len(token) >= 43
    with MongoClient(mongodb_uri) as client:
        database = client[database_name]
        kept = [str(row) for name in database.list_collection_names() for row in database[name].find()]
    assert any("system/*.cruds" in row for row in kept)
    assert not any(token in row for row in kept)


@pytest.mark.parametrize(
    "arguments",
    [
        ("patient/*.read openid launch/patient", "--patient", "1"),
        ("http://smarthealthit.org/fhir/scopes/system/*.read",),
        ("patient/Observation.rs?category=laboratory&status=final", "--patient", "1"),
        ("user/*.rs", "--fhir-user", "Practitioner/7"),
        ("user/*.rs", "--fhir-user", "Practitioner/7", "--patient", "1"),
    ],
)
def test_a_token_takes_every_form_of_scope(invoke: Any, arguments: tuple[str, ...]) -> None:
    result = invoke("token", "--scope", *arguments)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.strip()) >= 43


@pytest.mark.parametrize(
    "scope",
    [
        "nonsense",
        "",
        "patient/*.rs",
        "user/*.rs",
        "launch/patient",
        "openid",
        "system/Patient.rs?gender:not=male",
    ],
)
def test_a_token_that_could_grant_nothing_is_refused_in_a_sentence(invoke: Any, scope: str) -> None:
    result = invoke("token", "--scope", scope)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")


def test_check_tells_what_is_well(invoke: Any) -> None:
    result = invoke("check")
    assert result.exit_code == 0, result.output
    assert all(line.startswith("ok ") for line in result.stdout.splitlines())
    assert {"settings", "artefacts", "database"} <= {line.split()[1] for line in result.stdout.splitlines()}


def test_check_fails_on_a_database_that_is_away(invoke: Any) -> None:
    uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100&connectTimeoutMS=100"
    result = invoke("check", MONGODB_URI=uri)
    assert result.exit_code == 1
    assert "FAILED  database" in result.stdout


def test_check_fails_on_artefacts_that_are_incomplete(invoke: Any, tmp_path: Path) -> None:
    root = load_settings({}).artefacts
    (tmp_path / "capability_statement.json").write_bytes((root / "capability_statement.json").read_bytes())
    result = invoke("check", ARTEFACTS=str(tmp_path))
    assert result.exit_code == 1
    assert "lacks profiles, seed_data" in result.stdout


def test_every_wrong_setting_is_told(invoke: Any) -> None:
    result = invoke("check", PORT="x", LOG_LEVEL="y")
    assert result.exit_code == 1
    assert "PORT" in result.stderr
    assert "LOG_LEVEL" in result.stderr


def test_check_writes_the_settings_page(invoke: Any, tmp_path: Path) -> None:
    assert invoke("check", "--write-docs", str(tmp_path / "settings.md")).exit_code == 0
    assert "MONGODB_URI" in (tmp_path / "settings.md").read_text("utf-8")


def test_reindex_reads_every_resource(invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "patient.json").write_text(json.dumps(PATIENT))
    assert invoke("load", str(tmp_path / "patient.json")).exit_code == 0
    result = invoke("reindex", "Patient")
    assert result.exit_code == 0, result.output
    assert result.stderr.endswith("1 resources indexed again\n")
    assert invoke("reindex").exit_code == 0


def test_reindex_refuses_what_is_no_resource_type(invoke: Any) -> None:
    result = invoke("reindex", "Patient", "Person2")
    assert result.exit_code == 2
    assert "Person2" in result.stderr


def package(path: Path) -> Path:
    definition = {
        "resourceType": "StructureDefinition",
        "name": "Element",
        "type": "Element",
        "kind": "complex-type",
        "abstract": False,
        "url": "http://hl7.org/fhir/StructureDefinition/Element",
        "snapshot": {"element": [{"path": "Element", "min": 0, "max": "*"}]},
    }
    content = json.dumps(definition).encode()
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("package/StructureDefinition-Element.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return path


def test_definitions_refuses_another_package_unless_told(
    invoke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_package, "compile_tables", lambda artefacts: {})
    file = package(tmp_path / "other.tgz")
    result = invoke("definitions", "--package", str(file), "--output", str(tmp_path / "r4"))
    assert result.exit_code == 1
    assert compile_package.PACKAGE_SHA256 in result.stderr
    monkeypatch.setattr(compile_package, "write_tables", lambda tables, folder, sha256: None)
    assert (
        invoke("definitions", "--package", str(file), "--output", str(tmp_path / "r4"), "--any").exit_code
        == 0
    )


def test_definitions_refuses_what_is_no_package(invoke: Any, tmp_path: Path) -> None:
    for name in ("x.tgz", "x.whl"):
        (tmp_path / name).write_bytes(b"nonsense")
        result = invoke("definitions", "--package", str(tmp_path / name))
        assert result.exit_code == 1
        assert "is not a FHIR package" in result.stderr


@pytest.mark.parametrize("command", ["demo", "run"])
def test_a_taken_port_is_told_with_what_to_do(invoke: Any, command: str) -> None:
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        taker.listen()
        port = taker.getsockname()[1]
        result = invoke(command, PORT=str(port))
    assert result.exit_code == 1
    assert f"port {port} is taken" in result.stderr
    assert f"PORT={port + 1}" in result.stderr


def test_an_address_of_another_machine_is_told(invoke: Any) -> None:
    result = invoke("run", HOST="192.0.2.1")
    assert result.exit_code == 1
    assert "cannot listen on 192.0.2.1:8000" in result.stderr


def test_run_gives_gunicorn_the_application_and_the_options(
    invoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gunicorn.app.base import BaseApplication

    started = []
    monkeypatch.setattr(BaseApplication, "run", lambda application: started.append(application))
    monkeypatch.setattr(run_command, "check_address", lambda settings: None)
    result = invoke("run", "--workers", "3", "--port", "8099")
    assert result.exit_code == 0, result.output
    (application,) = started
    assert application.cfg.workers == 3
    assert application.cfg.address == [("127.0.0.1", 8099)]
    assert application.cfg.worker_class_str == "gthread"
    assert application.wsgi().config["MAX_CONTENT_LENGTH"] == 50 * 1024 * 1024
    logger = application.cfg.logger_class(application.cfg)
    logger.access(None, None, {}, None)
    logger.reopen_files()
    assert logger.error_log.name.startswith("fhir_server")


def test_the_production_configuration_is_that_of_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "7")
    path = Path(__file__).parents[3] / "ops" / "gunicorn.conf.py"
    names: dict[str, Any] = {}
    exec(compile(path.read_text("utf-8"), path, "exec"), names)  # noqa: S102 - our own file
    options = gunicorn_options(load_settings({**os.environ}))
    assert {name: names[name] for name in options} == options
    assert names["workers"] == 7


def test_the_master_shares_its_memory_with_the_workers() -> None:
    gunicorn_options(load_settings({}))["when_ready"](None)
    assert gc.get_freeze_count() > 0
    gc.unfreeze()


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert gunicorn_options(load_settings({"HOST": "::1"}))["bind"] == ["[::1]:8000"]


def test_commands_start_an_embedded_database_or_use_the_running_one(invoke: Any, tmp_path: Path) -> None:
    result = invoke("token", "--scope", "system/*.rs", MONGODB_URI="")
    assert result.exit_code == 0, result.output
    with EmbeddedMongo(tmp_path, cache_gb=0.25):
        result = invoke("token", "--scope", "system/*.rs", MONGODB_URI="")
        assert result.exit_code == 0, result.output
        result = invoke("demo", MONGODB_URI="", PORT="8098")
        assert result.exit_code == 1
        assert "Another fhir-server uses" in result.stderr


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8001")
    assert surroundings.read_settings(PORT=8002, HOST=None).base_url == "http://127.0.0.1:8002/fhir"
