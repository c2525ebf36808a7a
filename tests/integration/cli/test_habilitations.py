"""`fhir-server habilitations`: checked, loaded as a whole, and obeyed by a server that runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli import main
from fhir_server.policy.current_habilitations import SECONDS
from tests.examples import create, observation, patient
from tests.records import open_record, professional
from tests.running_server import RunningServer, run_server

HEAD = "profession,kind,read,from,until,confidence,source\n"


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    with run_server(mongodb_uri, database_name) as running:
        yield running


def habilitations(server: RunningServer, *arguments: str) -> Result:
    settings = server.inside.settings
    environ = {"MONGODB_URI": settings.mongodb_uri, "MONGODB_DATABASE": settings.mongodb_database}
    return CliRunner().invoke(main, ["habilitations", *arguments], env=environ)


def test_a_loaded_matrix_replaces_the_shipped_one(server: RunningServer, tmp_path: Path) -> None:
    fhir = server.client()
    person = create(fhir, patient())["id"]
    stored = create(fhir, observation(f"Patient/{person}"))
    open_record(fhir, person, authorisation=["Practitioner/dr"])
    doctor = professional(server, "dr")
    assert doctor.get(f"Observation/{stored['id']}").status_code == 200
    file = tmp_path / "official.csv"
    file.write_text(HEAD + "10,type:Condition,yes,2020-01-01,,certain,x\n", encoding="utf-8")
    assert "1 rows, 1 professions" in habilitations(server, "check", str(file)).output
    loaded = habilitations(server, "load", str(file))
    assert (loaded.exit_code, "version 1: 1 rows" in loaded.output) == (0, True)
    end = time.monotonic() + SECONDS + 5
    while doctor.get(f"Observation/{stored['id']}").status_code == 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert habilitations(server, "show", "10").stdout.split() == ["type:Condition"]
    assert "may read nothing" in habilitations(server, "show", "60").output
    listed = habilitations(server, "list").output
    assert "official.csv" in listed
    assert "with this release" in listed


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"profession\n10\n", "the first line names the columns"),
        (HEAD.encode() + b"10,0000-0,yes,2020-01-01,,certain,x\n", "line 2: 0000-0 is no document type"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_what_is_wrong_is_not_loaded(
    server: RunningServer, tmp_path: Path, content: bytes, said: str
) -> None:
    before = habilitations(server, "list").output
    file = tmp_path / "wrong.csv"
    file.write_bytes(content)
    for command in ("check", "load"):
        result = habilitations(server, command, str(file))
        assert result.exit_code == 1
        assert said in result.output
    assert habilitations(server, "list").output == before
