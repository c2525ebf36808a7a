"""Issues as an OperationOutcome. https://hl7.org/fhir/R4/operationoutcome.html"""

from __future__ import annotations

from collections.abc import Iterable

from fhir_server.errors import Issue
from fhir_server.fhir import Resource


def build_outcome(issues: Iterable[Issue]) -> Resource:
    """Returns the OperationOutcome of some issues."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}


def _issue(issue: Issue) -> Resource:
    row: Resource = {"severity": issue.severity, "code": issue.code, "diagnostics": issue.diagnostics}
    if issue.expression:
        row["expression"] = [issue.expression]
    return row
