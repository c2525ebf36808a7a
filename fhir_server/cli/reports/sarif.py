"""The report in SARIF 2.1.0, which code hosts show beside the lines. https://docs.oasis-open.org/sarif/sarif/v2.1.0/"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fhir_server.cli.findings import Examined, Finding
from fhir_server.fhir.json import encode_json

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"fatal": "error", "error": "error", "warning": "warning", "information": "note"}


def write(examined: Sequence[Examined]) -> str:
    """Returns a log of one run."""
    rules = sorted({finding.rule for one in examined for finding in one.findings})
    index = {rule: number for number, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "fhir-server validate",
                "version": version("fhir-server-dmp"),
                "informationUri": "https://hl7.org/fhir/R4/validation.html",
                "rules": [{"id": rule, "shortDescription": {"text": rule}} for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": _location(file)} for file in dict.fromkeys(one.file for one in examined)],
        "results": [_result(one, finding, index) for one in examined for finding in one.findings],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return encode_json(log, pretty=True).decode() + "\n"


def _result(one: Examined, finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    line, column = finding.position
    place: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": _location(one.file),
            "region": {"startLine": line, "startColumn": column},
        }
    }
    if finding.issue.expression:
        place["logicalLocations"] = [{"fullyQualifiedName": finding.issue.expression, "kind": "element"}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": _LEVELS[finding.issue.severity],
        "message": {"text": f"{one.name}: {finding.issue.diagnostics}"},
        "locations": [place],
    }


def _location(file: str) -> dict[str, str]:
    """A URI: relative to where the command ran, or absolute with its scheme. §3.4"""
    path = Path(file)
    return {"uri": path.as_uri() if path.is_absolute() else quote(path.as_posix())}
