"""`fhir-server validate`: what it reads, what it reports in each form, and how it ends."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from fhir_server.cli.validate import validate

BROKEN = """{
  "resourceType": "Patient",
  "id": "é1",
  "gender": "sorceress",
  "contact": [{"gender": "male"}]
}
"""
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
SOUND = {"resourceType": "Patient", "id": "1", "text": NARRATIVE}
PROFILE = {
    "resourceType": "StructureDefinition",
    "url": "http://example.org/fhir/StructureDefinition/named",
    "name": "Named",
    "status": "active",
    "fhirVersion": "4.0.1",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
}
# The required members of SARIF 2.1.0 §3.13, §3.14, §3.18, §3.19, §3.27, §3.29, §3.30.
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs", "$schema"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "required": ["driver"],
                        "properties": {"driver": {"required": ["name"], "$ref": "#/$defs/driver"}},
                    },
                    "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                },
            },
        },
    },
    "$defs": {
        "driver": {
            "properties": {
                "rules": {"type": "array", "uniqueItems": True, "items": {"required": ["id"]}},
                "informationUri": {"type": "string", "pattern": "^https?://"},
            }
        },
        "result": {
            "required": ["message", "ruleId", "level", "locations"],
            "properties": {
                "level": {"enum": ["none", "note", "warning", "error"]},
                "ruleIndex": {"type": "integer", "minimum": -1},
                "message": {"required": ["text"]},
                "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}},
            },
        },
        "location": {
            "required": ["physicalLocation"],
            "properties": {
                "physicalLocation": {
                    "required": ["artifactLocation", "region"],
                    "properties": {
                        "artifactLocation": {"required": ["uri"]},
                        "region": {
                            "properties": {
                                "startLine": {"type": "integer", "minimum": 1},
                                "startColumn": {"type": "integer", "minimum": 1},
                            }
                        },
                    },
                }
            },
        },
    },
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(validate, [str(argument) for argument in arguments])


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    file = tmp_path / "broken é.json"
    file.write_text(BROKEN, "utf-8")
    return file


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "sound.json"
    file.write_text(json.dumps(SOUND))
    return file


def test_a_sound_file_ends_with_zero(sound: Path) -> None:
    result = run(sound)
    assert (result.exit_code, result.output) == (0, "1 resource: 0 errors, 0 warnings\n")


def test_errors_are_told_with_file_line_and_column_and_end_with_one(broken: Path) -> None:
    result = run(broken)
    assert result.exit_code == 1
    assert f"{broken}:4:13: error: Patient.gender: " in result.output
    assert f"{broken}:5:15: error: Patient.contact[0]: pat-1" in result.output
    assert result.output.endswith("1 resource: 3 errors, 1 warning\n")


def test_a_warning_ends_with_one_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "bare.json"
    file.write_text('{"resourceType": "Patient"}')
    assert run(file).exit_code == 0
    assert run(file, "--fail-on", "warning").exit_code == 1
    assert run(file, "--fail-on", "warning", "--level", "structure").exit_code == 0


@pytest.mark.parametrize("name", ["x.ndjson", "x.ndjson.gz"])
def test_each_line_of_ndjson_is_a_resource_at_its_line(tmp_path: Path, name: str) -> None:
    text = "\n".join([json.dumps(SOUND), "", "nonsense", json.dumps({**SOUND, "gender": "x"})]).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    result = run(tmp_path)
    assert f"{name}:3:5: error: The JSON text is malformed" in result.output
    assert f"{name}:4:" in result.output
    assert result.output.endswith("3 resources: 2 errors, 0 warnings\n")


def test_a_text_that_is_no_json_is_told_where_it_breaks(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"resourceType": "Patient",\n "name": ,}')
    assert f"{file}:2:10: error: The JSON text is malformed" in run(file).output


@pytest.mark.parametrize("packed", [True, False])
def test_a_profile_comes_from_a_package_or_a_folder(tmp_path: Path, sound: Path, packed: bool) -> None:
    text = json.dumps(PROFILE).encode()
    path = tmp_path / "profiles"
    if packed:
        with tarfile.open(path, "w:gz") as package:
            entry = tarfile.TarInfo("package/StructureDefinition-named.json")
            entry.size = len(text)
            package.addfile(entry, io.BytesIO(text))
    else:
        path.mkdir()
        (path / "StructureDefinition-named.json").write_bytes(text)
    result = run(sound, "--package", path, "--profile", PROFILE["url"])
    assert result.exit_code == 1
    assert "cardinality:min" in result.output
    assert run(sound, "--package", path).exit_code == 0


def test_a_profile_that_nobody_has_is_an_error(sound: Path) -> None:
    assert run(sound, "--profile", "http://example.org/nothing").exit_code == 1


def test_the_json_report_holds_an_outcome_for_each_resource(broken: Path, sound: Path) -> None:
    result = run(broken, sound, "--format", "json")
    report = json.loads(result.output)
    assert (report["resources"], report["invalid"]) == (2, 1)
    first, second = report["results"]
    assert (first["valid"], second["valid"]) == (False, True)
    assert first["outcome"]["issue"][0]["location"][0].startswith("Line[")
    assert second["outcome"]["issue"][0]["severity"] == "information"


def test_the_sarif_report_has_what_sarif_requires(broken: Path, sound: Path) -> None:
    result = run(broken, sound, "--format", "sarif", "--all")
    log = json.loads(result.output)
    assert list(Draft202012Validator(SARIF).iter_errors(log)) == []
    (sarif_run,) = log["runs"]
    rules = [rule["id"] for rule in sarif_run["tool"]["driver"]["rules"]]
    assert all(rules[row["ruleIndex"]] == row["ruleId"] for row in sarif_run["results"])
    uris = {
        row["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for row in sarif_run["results"]
    }
    assert uris == {broken.as_uri()}
    assert "%C3%A9" in broken.as_uri()


def test_the_junit_report_has_a_test_for_each_resource(broken: Path, sound: Path) -> None:
    tree = ElementTree.fromstring(run(broken, sound, "--format", "junit").output)  # noqa: S314 - our own
    assert (tree.get("tests"), tree.get("failures")) == ("2", "1")
    assert [suite.get("name") for suite in tree] == [str(broken), str(sound)]
    assert [case.find("failure") is not None for case in tree.iter("testcase")] == [True, False]


def test_characters_that_xml_cannot_hold_do_not_break_the_junit_report(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"resourceType": "Patient", "id": "\u0001<&\"'", "\ud83d\ude00\u0002": 5}))
    assert ElementTree.fromstring(run(file, "--format", "junit").output) is not None  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.json.gz", b"no gzip"), ("empty", None)],
)
def test_a_file_that_cannot_be_read_ends_with_two(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    result = run(path)
    assert result.exit_code == 2
    assert "Error: " in result.output


@pytest.mark.parametrize("arguments", [[], ["nowhere.json"], ["--format", "pdf", "x"]])
def test_a_mistake_on_the_command_line_ends_with_two(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_package_that_is_none_ends_with_two(sound: Path, tmp_path: Path) -> None:
    package = tmp_path / "p.tgz"
    package.write_bytes(b"nonsense")
    assert run(sound, "--package", package).exit_code == 2
