"""The files that `fhir-server load` and `validate` read: FHIR JSON and NDJSON, gzipped or not.

https://hl7.org/fhir/R4/nd-json.html
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from fhir_server.errors import FhirError, Invalid, TooLarge
from fhir_server.fhir import Resource
from fhir_server.fhir.json import parse_resource

LINES = (".ndjson", ".jsonl")
DOCUMENTS = (".json",)
LARGEST_DOCUMENT = 1 << 30
LARGEST_LINE = 64 << 20
FIRST = ("hospitalInformation", "practitionerInformation")
"""Synthea writes what its patients refer to into files of these names: they come first."""

Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Line:
    """One resource of a file, or why it cannot be read."""

    number: int
    """From 1; a file that is one document is line 1."""
    resource: Resource | None
    error: FhirError | None = None


def find_files(path: Path) -> list[Path]:
    """Returns the file, or those of the folder that have a known name, in the order to load them."""
    if path.is_file():
        return [path]
    files = (file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path))
    return sorted((file for file in files if _kind(file) in LINES + DOCUMENTS), key=_rank)


def digest_of(path: Path) -> str:
    """Returns what a file is known by: its content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_lines(path: Path, wanted: Callable[[int], bool], report: Report) -> Iterator[Line]:
    """Yields the wanted resources of a file; `report` hears of the bytes read so far."""
    try:
        for number, text in read_texts(path, report):
            if wanted(number):
                yield _parse(number, text)
    except Invalid as error:
        yield Line(0, None, error)


def read_texts(path: Path, report: Report) -> Iterator[tuple[int, bytes | None]]:
    """Yields number and text of each document or line that is not empty; None for one that is too long."""
    with path.open("rb") as raw:
        stream: BinaryIO = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
        try:
            for number, text in _lines(stream) if _kind(path) in LINES else _document(stream):
                report(raw.tell())
                if text is None or text.strip():
                    yield number, text
        except (OSError, EOFError, zlib.error) as error:
            raise Invalid(f"The file cannot be read: {error}") from error


def _kind(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _rank(file: Path) -> tuple[int, str]:
    rank = next((i for i, prefix in enumerate(FIRST) if file.name.startswith(prefix)), len(FIRST))
    return rank, str(file)


def _document(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    text = stream.read(LARGEST_DOCUMENT + 1)
    yield 1, (None if len(text) > LARGEST_DOCUMENT else text)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yields number and text of each line; None instead of a text too long to be kept in memory."""
    number = 0
    while text := stream.readline(LARGEST_LINE + 1):
        number += 1
        if len(text) <= LARGEST_LINE:
            yield number, text
            continue
        while text and not text.endswith(b"\n"):
            text = stream.readline(LARGEST_LINE)
        yield number, None


def _parse(number: int, text: bytes | None) -> Line:
    try:
        return Line(number, parse_text(text))
    except FhirError as error:
        return Line(number, None, error)


def parse_text(text: bytes | None) -> Resource:
    """Returns the resource of a text that `read_texts` yields."""
    if text is None:
        raise TooLarge("It is too long to be one resource.")
    return parse_resource(text)
