"""Issues as an OperationOutcome. https://hl7.org/fhir/R4/operationoutcome.html"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fhir_server.errors import Issue
from fhir_server.fhir import Resource
from fhir_server.fhir.position import Position

MESSAGES = "https://dmp-fhir.example.org/fhir/CodeSystem/validation-message"
"""System of the rules that speak: cardinality:min, invariant:obs-6."""

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/operationoutcome-"


def build_outcome(issues: Iterable[Issue], positions: Mapping[str, Position] | None = None) -> Resource:
    """Returns the OperationOutcome of some issues; `positions` has the place in the text of an expression."""
    rows = [_issue(issue, (positions or {}).get(issue.expression)) for issue in issues]
    return {"resourceType": "OperationOutcome", "issue": rows}


def _issue(issue: Issue, position: Position | None) -> Resource:
    row: Resource = {"severity": issue.severity, "code": issue.code}
    if issue.message_id:
        row["details"] = {"coding": [{"system": MESSAGES, "code": issue.message_id}]}
    row["diagnostics"] = issue.diagnostics
    if position is not None:
        row["location"] = [f"Line[{position.line}] Col[{position.column}]"]
    if issue.expression:
        row["expression"] = [issue.expression]
    return row if position is None else {"extension": _extensions(issue, position), **row}


def _extensions(issue: Issue, position: Position) -> list[Resource]:
    rows: list[Resource] = [
        {"url": f"{_EXTENSION}issue-line", "valueInteger": position.line},
        {"url": f"{_EXTENSION}issue-col", "valueInteger": position.column},
    ]
    if issue.message_id:
        rows.append({"url": f"{_EXTENSION}message-id", "valueString": issue.message_id})
    return rows
