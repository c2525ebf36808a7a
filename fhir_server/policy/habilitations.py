"""The habilitation matrix: which profession may read which kind of content, by effective date.

Order of 26 October 2023 (CSP R1111-46); docs/decisions/0026-habilitations-as-data.md
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import resources

from fhir_server.errors import Invalid
from fhir_server.policy.compartment import compartment_types

DOCUMENTS, RESOURCES = "*documents", "*resources"
_COLUMNS = ("profession", "kind", "read", "from", "until", "confidence", "source")
_LAST = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class Cell:
    """One row: from `since`, and before `until`."""

    profession: str
    kind: str
    may_read: bool
    since: date
    until: date
    line: int


@dataclass(slots=True)
class Habilitations:
    """A matrix and the document types that it speaks about."""

    cells: tuple[Cell, ...]
    classes: Mapping[str, str]
    """Type code of a document → its class."""
    _found: dict[tuple[str, date], frozenset[str]] = field(default_factory=dict)

    def readable(self, profession: str, at: date) -> frozenset[str]:
        """Returns the kinds that a profession may read on a day: type codes, and type:<ResourceType>."""
        known = self._found.get((profession, at))
        if known is None:
            if len(self._found) > 1000:
                self._found.clear()
            known = self._found[profession, at] = frozenset(self._read(profession, at))
        return known

    def _read(self, profession: str, at: date) -> Iterable[str]:
        cells = [c for c in self.cells if c.profession == profession and c.since <= at < c.until]
        rows = {cell.kind: cell.may_read for cell in cells}
        if not rows:
            return
        for code, class_ in self.classes.items():
            if _narrowest(rows, (code, f"class:{class_}", DOCUMENTS)):
                yield code
        for resource_type in compartment_types():
            if _narrowest(rows, (f"type:{resource_type}", RESOURCES)):
                yield f"type:{resource_type}"


def _narrowest(rows: Mapping[str, bool], kinds: tuple[str, ...]) -> bool:
    return next((rows[kind] for kind in kinds if kind in rows), False)


def load_habilitations(text: str, classes: Mapping[str, str]) -> Habilitations:
    """Reads a matrix; raises Invalid with the line of what is wrong."""
    rows, numbers = read_rows(text)
    cells = tuple(_cell(row, line) for row, line in zip(rows, numbers, strict=True))
    _check_kinds(cells, classes)
    _check_overlaps(cells)
    return Habilitations(cells, classes)


def read_rows(text: str) -> tuple[list[dict[str, str]], list[int]]:
    """Returns the rows of a matrix and their line numbers; raises Invalid where it is no such table."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if not line.startswith("#")]
    lines = [(number, line) for number, line in lines if line.strip()]
    reader = csv.DictReader((line for _, line in lines), strict=True)
    try:
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise Invalid(f"the first line names the columns {','.join(_COLUMNS)}")
        rows = list(reader)
    except csv.Error as error:
        raise Invalid(f"this is no CSV: {error}") from error
    numbers = [number for number, _ in lines[1:]]
    if len(numbers) != len(rows):
        raise Invalid("a row is one line")
    return rows, numbers


def shipped_text() -> str:
    """Returns the matrix that comes with the server."""
    return resources.files(__package__).joinpath("habilitations.csv").read_text("utf-8")


def _cell(row: Mapping[str, str], line: int) -> Cell:
    try:
        since = date.fromisoformat(row["from"])
        until = date.fromisoformat(row["until"]) if row["until"] else _LAST
    except ValueError as error:
        raise Invalid(f"line {line}: {error}") from error
    if since >= until:
        raise Invalid(f"line {line}: it ends before it starts")
    return Cell(row["profession"], row["kind"], row["read"] == "yes", since, until, line)


def _check_kinds(cells: Iterable[Cell], classes: Mapping[str, str]) -> None:
    known = {DOCUMENTS, RESOURCES, *classes, *(f"class:{one}" for one in classes.values())}
    known |= {f"type:{name}" for name in compartment_types()}
    for cell in cells:
        if cell.kind not in known:
            text = f"line {cell.line}: {cell.kind} is no document type, class or resource type of records"
            raise Invalid(text)


def _check_overlaps(cells: Iterable[Cell]) -> None:
    last: dict[tuple[str, str], Cell] = {}
    for cell in sorted(cells, key=lambda c: (c.profession, c.kind, c.since)):
        before = last.get((cell.profession, cell.kind))
        if before is not None and cell.since < before.until:
            lines = f"lines {before.line} and {cell.line}"
            raise Invalid(f"{lines}: two periods of {cell.profession} and {cell.kind} overlap")
        last[cell.profession, cell.kind] = cell
