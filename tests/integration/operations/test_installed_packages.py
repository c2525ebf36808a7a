"""Packages that the operator installed, and Questionnaires of `profiles/`: each write is held to them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions.folder import FolderSource
from fhir_server.definitions.packages import PackageError
from fhir_server.definitions.sources import installed_packages
from fhir_server.settings import find_artefacts
from tests.examples import patient, problem
from tests.running_server import RunningServer, run_server

URL = "https://guide.example.org/StructureDefinition/named-patient"
PROFILE = {
    "resourceType": "StructureDefinition",
    "id": "named-patient",
    "url": URL,
    "name": "NamedPatient",
    "status": "active",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
}


def package(resource: dict[str, Any]) -> bytes:
    raw, packed = json.dumps(resource).encode(), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo(f"package/{resource['resourceType']}-{resource['id']}.json")
        member.size = len(raw)
        archive.addfile(member, io.BytesIO(raw))
    return packed.getvalue()


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefacts of this release with a package in them."""
    folder = tmp_path_factory.mktemp("artefacts")
    for path in find_artefacts().iterdir():
        if path.name in ("capability_statement.json", "seed_data"):
            (folder / path.name).symlink_to(path)
    profiles = folder / "profiles"
    profiles.mkdir()
    for path in (find_artefacts() / "profiles").glob("*.json"):
        (profiles / path.name).symlink_to(path)
    (profiles / "guide.tgz").write_bytes(package(PROFILE))
    return folder


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str, artefacts: Path) -> Iterator[RunningServer]:
    with run_server(mongodb_uri, database_name, ARTEFACTS=str(artefacts)) as running:
        yield running


def test_a_write_is_held_to_a_profile_of_an_installed_package(server: RunningServer) -> None:
    fhir, named = server.client(), {"name": [{"family": "Essai"}]}
    asked = patient(meta={"profile": [URL]})
    issue = problem(fhir.post("Patient", asked), 422)
    assert issue["expression"] == ["Patient.name"]
    assert fhir.post("Patient", {**asked, **named}).status_code == 201


def test_what_is_no_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.tgz").write_bytes(b"no archive")
    with pytest.raises(PackageError, match=r"broken\.tgz"):
        installed_packages(tmp_path)


def test_questionnaires_of_the_folder_are_known(tmp_path: Path) -> None:
    one = {
        "resourceType": "Questionnaire",
        "id": "q",
        "url": "https://guide.example.org/q",
        "status": "active",
    }
    (tmp_path / "Questionnaire-q.json").write_text(json.dumps(one))
    assert FolderSource(tmp_path).find("Questionnaire", one["url"]) == one
