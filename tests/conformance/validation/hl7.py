"""Asks HL7's validator about the corpus and writes its verdicts: `make conformance`.

Maven fetches the validator from Maven Central, once; it runs offline. https://github.com/hapifhir/org.hl7.fhir.core
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.conformance.validation.agreement import VERDICTS, Verdict, compare, report, write_verdicts
from tests.conformance.validation.corpus import FOLDER, Case, all_cases

BUILD = FOLDER.parents[2] / "build" / "conformance"
_POM = FOLDER / "java" / "pom.xml"


def ask_hl7(cases: Iterable[Case]) -> list[Verdict]:
    """Returns what HL7's validator says of each case."""
    texts = {case.id: case for case in cases}
    rows = [{"id": case.id, "text": case.text, "profiles": list(case.profiles)} for case in texts.values()]
    return [_verdict(answer, texts) for answer in answers_of(rows, FOLDER / "profiles")]


def answers_of(rows: Iterable[dict[str, Any]], definitions: Path) -> list[dict[str, Any]]:
    """Returns {"id", "issues"} for each {"id", "text", "profiles"}; definitions: a folder of profiles."""
    BUILD.mkdir(parents=True, exist_ok=True)
    asked, answered = BUILD / "cases.ndjson", BUILD / "answers.ndjson"
    asked.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    classpath = f"{BUILD / 'classes'}:{_build()}"
    command = ["java", "-Xmx3g", "-cp", classpath, "Verdicts", str(asked), str(answered)]
    subprocess.run([*command, str(definitions)], check=True)
    return [json.loads(line) for line in answered.read_text("utf-8").splitlines()]


def _build() -> str:
    """Compiles the Java side and returns the classpath of what it needs."""
    maven = shutil.which("mvn")
    if maven is None or shutil.which("java") is None:
        sys.exit(
            "HL7's validator needs Java 17 and Maven: sudo apt-get install maven openjdk-17-jdk-headless"
        )
    listed = BUILD / "classpath"
    goals = ["compile", "dependency:build-classpath", f"-Dmdep.outputFile={listed}"]
    subprocess.run([maven, "--batch-mode", "--quiet", "--file", str(_POM), *goals], check=True)
    return listed.read_text("utf-8").strip()


def _verdict(answer: dict[str, object], cases: dict[str, Case]) -> Verdict:
    issues: list[dict[str, str]] = answer["issues"]  # type: ignore[assignment]
    errors = {issue.get("id", "unnamed") for issue in issues if issue["severity"] in ("error", "fatal")}
    case = cases[str(answer["id"])]
    return Verdict(case.id, case.digest, tuple(sorted(errors)))


def main() -> None:
    """Asks, writes the verdicts, and prints how far the two validators agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help=f"leave {Path(VERDICTS).name} as it is")
    keep = parser.parse_args().keep
    verdicts = ask_hl7(all_cases())
    if not keep:
        write_verdicts(verdicts)
    print(report(compare(verdicts)))  # noqa: T201


if __name__ == "__main__":
    main()
