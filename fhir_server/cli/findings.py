"""What `fhir-server validate` finds in a file: issues with the line and column they stand at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_server.cli.files import parse_text, read_texts
from fhir_server.errors import FhirError, Issue
from fhir_server.fhir.position import Position, locate

SEVERITIES = ("fatal", "error", "warning", "information")
_PLACE = re.compile(r"at line (\d+), column (\d+)\.$")
"""Where the parser says that a text is no JSON."""

Check = Callable[[Any], list[Issue]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One issue and its place in the file."""

    issue: Issue
    position: Position

    @property
    def rule(self) -> str:
        return self.issue.message_id or self.issue.code


@dataclass(frozen=True, slots=True)
class Examined:
    """One resource of a file and all that was found in it."""

    file: str
    line: int
    name: str
    """Patient/1, or Patient where it has no id."""
    findings: tuple[Finding, ...] = ()

    def count(self, *severities: str) -> int:
        return sum(finding.issue.severity in severities for finding in self.findings)


def examine(path: Path, check: Check) -> Iterator[Examined]:
    """Yields every resource of a file; raises Invalid when the file cannot be read."""
    for number, text in read_texts(path, lambda _: None):
        try:
            resource = parse_text(text)
        except FhirError as error:
            yield Examined(str(path), number, "?", _of_text(error.issues, number))
            continue
        issues = check(resource)
        yield Examined(str(path), number, _name(resource), _located(text or b"", issues, number))


def _located(text: bytes, issues: Sequence[Issue], number: int) -> tuple[Finding, ...]:
    places = locate(text, {issue.expression for issue in issues}) if issues else {}
    found = [Finding(issue, _in_file(places[issue.expression], number)) for issue in issues]
    return tuple(sorted(found, key=lambda finding: finding.position))


def _of_text(issues: Sequence[Issue], number: int) -> tuple[Finding, ...]:
    found = []
    for issue in issues:
        said = _PLACE.search(issue.diagnostics)
        place = Position(int(said[1]), int(said[2])) if said else Position(1, 1)
        found.append(Finding(issue, _in_file(place, number)))
    return tuple(found)


def _in_file(position: Position, number: int) -> Position:
    """A line of NDJSON begins at its own number, a document at 1."""
    return Position(position.line + number - 1, position.column)


def _name(resource: dict[str, Any]) -> str:
    type_, id_ = resource["resourceType"], resource.get("id")
    return f"{type_}/{id_}"[:120] if isinstance(id_, str) else str(type_)[:120]
