"""Asks HL7's validator about profiles/: its files, its examples, and what breaks them. `make conformance`."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch

from tests.conformance.validation.hl7 import answers_of

ROOT = Path(__file__).resolve().parents[3]
PROFILES = ROOT / "profiles"
UNKNOWN_CODES = "Terminology_PassThrough_TX_Message"
"""It has neither LOINC nor the code systems of FR Core: what it says of their codes is no verdict."""
OF_R4 = ("SD_ED_BIND_NOT_VS", "TYPE_SPECIFIC_CHECKS_DT_CANONICAL_TYPE")
"""R4 itself binds ExplanationOfBenefit.priority to a code system; its snapshot says the same."""


def asked() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields id and resource: valid/… is to be found valid, broken/… is not."""
    for path in sorted(PROFILES.glob("*.json")):
        yield f"valid/{path.name}", json.loads(path.read_bytes())
    examples: dict[str, dict[str, Any]] = {}
    for path in sorted((PROFILES / "examples").glob("*/*.json")):
        example = examples.setdefault(path.parent.name, json.loads(path.read_bytes()))
        yield f"valid/{path.parent.name}/{path.name}", example
    cases = json.loads((ROOT / "tests" / "cases" / "profile_violations.json").read_bytes())
    for profile, violations in cases.items():
        for case in violations:
            broken = jsonpatch.apply_patch(examples[profile], case["patch"])
            yield f"broken/{profile}/{case['why']}", broken


def refusals(answer: dict[str, Any]) -> list[str]:
    """Returns the errors that count, each with where it is."""
    return [
        f"{issue.get('id')} {issue.get('expression')}: {issue.get('text')}"
        for issue in answer["issues"]
        if issue["severity"] in ("error", "fatal") and issue.get("id") not in (UNKNOWN_CODES, *OF_R4)
    ]


def main() -> None:
    """Prints where HL7's validator differs from what is stated; exits with 1 where it does."""
    with tempfile.TemporaryDirectory() as folder:
        for path in PROFILES.glob("*.json"):
            shutil.copy(path, folder)
        rows = [{"id": id_, "text": json.dumps(one), "profiles": []} for id_, one in asked()]
        answers = answers_of(rows, Path(folder))
    wrong = 0
    for answer in answers:
        found = refusals(answer)
        if bool(found) == answer["id"].startswith("valid/"):
            wrong += 1
            print(answer["id"], *found or ["nothing to object"], sep="\n  ")  # noqa: T201
    print(f"{len(answers)} resources, {wrong} differences")  # noqa: T201
    sys.exit(min(wrong, 1))


if __name__ == "__main__":
    main()
