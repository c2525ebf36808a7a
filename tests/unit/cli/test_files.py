"""The files that `load` reads: found in order, read line by line, never trusted."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from fhir_server.cli import files
from fhir_server.cli.files import Line, digest_of, find_files, read_lines


def read(path: Path) -> list[Line]:
    return list(read_lines(path, lambda number: True, lambda position: None))


def test_a_folder_gives_its_fhir_files_those_that_others_refer_to_first(tmp_path: Path) -> None:
    for name in (
        "b.json",
        "a.ndjson",
        "sub/c.json.gz",
        "practitionerInformation1.json",
        "hospitalInformation1.json",
        "README.md",
        ".hidden.json",
        ".git/d.json",
        "e.gz",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert [str(path.relative_to(tmp_path)) for path in find_files(tmp_path)] == [
        "hospitalInformation1.json",
        "practitionerInformation1.json",
        "a.ndjson",
        "b.json",
        "sub/c.json.gz",
    ]


def test_a_named_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "bundle"
    file.write_text('{"resourceType": "Patient"}')
    assert find_files(file) == [file]
    assert read(file)[0].resource == {"resourceType": "Patient"}


@pytest.mark.parametrize("name", ["x.ndjson", "x.ndjson.gz", "x.jsonl"])
def test_ndjson_is_read_line_by_line(tmp_path: Path, name: str) -> None:
    text = b'{"resourceType":"Patient","id":"1"}\n\n{"resourceType":\n{"resourceType":"Patient","id":"2"}'
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    first, second, third = read(tmp_path / name)
    assert (first.number, first.resource) == (1, {"resourceType": "Patient", "id": "1"})
    assert (second.number, second.resource) == (3, None)
    assert second.error is not None
    assert (third.number, third.resource) == (4, {"resourceType": "Patient", "id": "2"})


def test_lines_that_are_not_wanted_are_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_text('nonsense\n{"resourceType":"Patient"}\n')
    lines = read_lines(tmp_path / "x.ndjson", lambda number: number == 2, lambda position: None)
    assert [line.number for line in lines] == [2]


def test_the_position_in_the_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"resourceType":"Patient"}')
    positions: list[int] = []
    list(read_lines(tmp_path / "x.json", lambda number: True, positions.append))
    assert positions == [26]


def test_a_broken_gzip_file_is_an_error_after_what_could_be_read(tmp_path: Path) -> None:
    whole = gzip.compress(b'{"resourceType":"Patient"}\n' * 50_000)
    (tmp_path / "cut.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    *_, last = read(tmp_path / "cut.ndjson.gz")
    assert last.error is not None
    assert "cannot be read" in last.error.diagnostics
    (tmp_path / "no.json.gz").write_bytes(b"not gzip")
    (only,) = read(tmp_path / "no.json.gz")
    assert only.error is not None


def test_a_line_too_long_is_an_error_and_the_next_line_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST_LINE", 64)
    good = '{"resourceType":"Patient"}\n'
    (tmp_path / "x.ndjson").write_text(f"{good}{'x' * 1000}\n{good}")
    first, second, third = read(tmp_path / "x.ndjson")
    assert first.resource is not None
    assert second.error is not None
    assert second.error.status == 413
    assert (third.number, third.resource is not None) == (3, True)


def test_a_document_too_large_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_DOCUMENT", 8)
    (tmp_path / "x.json").write_text('{"resourceType":"Patient"}')
    (line,) = read(tmp_path / "x.json")
    assert line.error is not None
    assert line.error.status == 413


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("same")
    (tmp_path / "b").write_text("same")
    assert digest_of(tmp_path / "a") == digest_of(tmp_path / "b")
