"""A folder of conformance resources, read when asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fhir_server.definitions.folder import FolderSource
from fhir_server.definitions.sources import ListedSource

PROFILES = Path(__file__).resolve().parents[3] / "profiles"
URL = "https://example.org/ValueSet/one"


def folder_of(folder: Path, **more: str) -> Path:
    resource = {"resourceType": "ValueSet", "url": URL, "version": "2.0", **more}
    (folder / "ValueSet-one.json").write_text(json.dumps(resource), "utf-8")
    return folder


def test_it_finds_all_that_reading_everything_finds() -> None:
    source, listed = FolderSource(PROFILES), ListedSource.of_folder(PROFILES)
    for path in PROFILES.glob("*.json"):
        resource = json.loads(path.read_bytes())
        url, type_ = resource.get("url", ""), resource["resourceType"]
        assert source.find(type_, url) == listed.find(type_, url)
        if type_ in ("StructureDefinition", "ValueSet", "CodeSystem"):
            assert source.find(type_, f"{url}|{resource['version']}") == resource


@pytest.mark.parametrize(
    "canonical",
    ["", "/", "one", "https://example.org/ValueSet/two", "https://else.example/ValueSet/one", f"{URL}|1.0",
     f"{URL}/", f"{URL}/..", "../ValueSet-one", "x/../one\x00", "x/" + "o" * 10_000, "\ud800/one"],
)  # fmt: skip
def test_other_canonicals_find_nothing(tmp_path: Path, canonical: str) -> None:
    source = FolderSource(folder_of(tmp_path))
    assert source.find("ValueSet", canonical) is None
    assert source.find("Patient", URL) is None
    assert source.find("ValueSet", f"{URL}|2.0") is not None


def test_a_file_is_read_once_and_only_when_asked_for(tmp_path: Path) -> None:
    source = FolderSource(folder_of(tmp_path))
    found = source.find("ValueSet", URL)
    (tmp_path / "ValueSet-one.json").unlink()
    assert source.find("ValueSet", URL) is found


def test_the_revision_changes_with_the_files(tmp_path: Path) -> None:
    first = FolderSource(folder_of(tmp_path)).revision
    assert FolderSource(tmp_path).revision == first
    folder_of(tmp_path, name="Longer")
    second = FolderSource(tmp_path).revision
    os.utime(tmp_path / "ValueSet-one.json", ns=(1, 1))
    assert len({first, second, FolderSource(tmp_path).revision}) == 3
