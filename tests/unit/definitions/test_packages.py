"""FHIR packages are read in memory, with limits; sources answer by canonical and version."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions import packages
from fhir_server.definitions.packages import PackageError, read_package
from fhir_server.definitions.sources import LayeredSource, ListedSource, default_conformance, load_r4_source

PROFILE = {"resourceType": "StructureDefinition", "url": "http://example.org/p", "version": "1.0.0"}
PREFIX = "http://hl7.org/fhir/StructureDefinition/"


def archive(files: dict[str, bytes], links: tuple[str, ...] = ()) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as package:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            package.addfile(member)
    return buffer.getvalue()


def test_the_artefacts_of_a_package_are_read_and_nothing_else() -> None:
    text = json.dumps(PROFILE).encode()
    found = list(
        read_package(
            archive(
                {
                    "package/package.json": b"{}",
                    "package/StructureDefinition-p.json": text,
                    "package/StructureDefinition-broken.json": b"{",
                    "package/StructureDefinition-list.json": b"[]",
                    "package/Patient-x.json": b'{"resourceType": "Patient"}',
                    "package/example/StructureDefinition-q.json": text,
                    "../../StructureDefinition-r.json": text,
                },
                links=("package/StructureDefinition-link.json",),
            )
        )
    )
    assert found == [PROFILE]


@pytest.mark.parametrize(
    "content",
    [b"", b"x" * 100, b"\x1f\x8b\x08\x00" + b"\x00" * 20, archive({})[:30]],
    ids=["nothing", "text", "empty", "cut"],
)
def test_what_is_no_package_is_refused(content: bytes) -> None:
    with pytest.raises(PackageError):
        list(read_package(content))


def test_a_package_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive({"package/StructureDefinition-p.json": b" " * 3_000_000})
    assert len(bomb) < 10_000
    monkeypatch.setattr(packages, "MAX_UNPACKED", 1_000_000)
    with pytest.raises(PackageError, match="unpacks"):
        list(read_package(bomb))
    monkeypatch.setattr(packages, "MAX_UNPACKED", 10_000_000)
    monkeypatch.setattr(packages, "MAX_FILE", 1_000_000)
    with pytest.raises(PackageError, match="larger"):
        list(read_package(bomb))
    monkeypatch.setattr(packages, "MAX_PACKED", 100)
    with pytest.raises(PackageError, match="larger"):
        list(read_package(bomb))


def test_a_package_of_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_FILES", 2)
    with pytest.raises(PackageError, match="more than"):
        list(read_package(archive({f"package/x{n}": b"" for n in range(3)})))


def test_a_source_answers_with_the_version_asked_for_or_the_highest() -> None:
    versions = [{**PROFILE, "version": v} for v in ("1.2.0", "1.10.0", "1.9.0")]
    source = ListedSource.of_package(
        archive(
            {f"package/StructureDefinition-{n}.json": json.dumps(v).encode() for n, v in enumerate(versions)}
        )
    )

    def version(canonical: str) -> Any:
        found = source.find("StructureDefinition", canonical)
        return found and found["version"]

    assert version("http://example.org/p") == "1.10.0"
    assert version("http://example.org/p|1.2.0") == "1.2.0"
    assert version("http://example.org/p|3") is None
    assert version("http://example.org/q") is None
    assert source.find("ValueSet", "http://example.org/p") is None


def test_the_revision_of_a_source_is_that_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "StructureDefinition-p.json").write_text(json.dumps(PROFILE))
    one, other = ListedSource.of_folder(tmp_path), ListedSource([PROFILE])
    assert one.revision == other.revision
    assert one.revision != ListedSource([{**PROFILE, "version": "2"}]).revision
    assert LayeredSource([one, load_r4_source()]).revision != one.revision


def test_r4_goes_before_what_is_installed() -> None:
    wrong = ListedSource(
        [{"resourceType": "StructureDefinition", "url": PREFIX + "Patient", "type": "Wrong"}]
    )
    found = LayeredSource([default_conformance(), wrong]).find("StructureDefinition", PREFIX + "Patient")
    assert found is not None
    assert found["type"] == "Patient"


def test_r4_knows_its_types_profiles_value_sets_and_code_systems() -> None:
    r4 = load_r4_source()
    for canonical in (PREFIX + "Patient", PREFIX + "HumanName|4.0.1", PREFIX + "bp", PREFIX + "string"):
        assert r4.find("StructureDefinition", canonical)
    assert r4.find("StructureDefinition", PREFIX + "Patient|5.0.0") is None
    assert r4.find("StructureDefinition", PREFIX + "Patient.contact") is None
    assert r4.find("ValueSet", "http://hl7.org/fhir/ValueSet/administrative-gender")
    system = r4.find("CodeSystem", "http://hl7.org/fhir/administrative-gender")
    assert system is not None
    assert {"code": "male"} in system["concept"]
    assert r4.find("ValueSet", "http://example.org/nothing") is None
    assert r4.find("CodeSystem", "http://loinc.org") is None
    assert r4.find("Patient", PREFIX + "Patient") is None
