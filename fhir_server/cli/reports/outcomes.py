"""The report in JSON: one OperationOutcome for each resource. https://hl7.org/fhir/R4/operationoutcome.html"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_server.cli.findings import Examined
from fhir_server.errors import Issue
from fhir_server.fhir.json import encode_json
from fhir_server.fhir.outcome import build_outcome

_WELL = Issue("information", "informational", "no issues")


def write(examined: Sequence[Examined]) -> str:
    """Returns the outcomes and how many of them hold errors."""
    report = {
        "resources": len(examined),
        "invalid": sum(one.count("fatal", "error") > 0 for one in examined),
        "results": [_result(one) for one in examined],
    }
    return encode_json(report, pretty=True).decode() + "\n"


def _result(one: Examined) -> dict[str, Any]:
    issues = [finding.issue for finding in one.findings]
    places = {finding.issue.expression: finding.position for finding in one.findings}
    outcome = build_outcome(issues or [_WELL], places)
    valid = one.count("fatal", "error") == 0
    return {"file": one.file, "line": one.line, "resource": one.name, "valid": valid, "outcome": outcome}
