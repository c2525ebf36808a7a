"""The report that people read: file:line:column, as compilers write it, so that editors can jump there."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_server.cli.findings import Examined, Finding


def write(examined: Sequence[Examined]) -> str:
    """Returns one line for each issue, and a summary."""
    lines = [_line(one, finding) for one in examined for finding in one.findings]
    return "\n".join([*lines, *([""] if lines else []), _summary(examined)]) + "\n"


def _line(one: Examined, finding: Finding) -> str:
    issue, (line, column) = finding.issue, finding.position
    where = f" {issue.expression}:" if issue.expression else ""
    message = " ".join(issue.diagnostics.split())
    return f"{one.file}:{line}:{column}: {issue.severity}:{where} {message} [{finding.rule}]"


def _summary(examined: Sequence[Examined]) -> str:
    errors = sum(one.count("fatal", "error") for one in examined)
    warnings = sum(one.count("warning") for one in examined)
    return f"{_many(len(examined), 'resource')}: {_many(errors, 'error')}, {_many(warnings, 'warning')}"


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
