"""How far our verdicts and those of HL7's validator agree, and by which rules they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from fhir_server.definitions.conformance import Conformance
from fhir_server.definitions.sources import ListedSource, with_sources
from fhir_server.errors import FhirError, Issue
from fhir_server.fhir.json import parse_resource
from fhir_server.validation.validate import validate_resource
from tests.conformance.validation.corpus import FOLDER, Case, all_cases

VERDICTS = FOLDER / "verdicts.tsv"
ERRORS = ("fatal", "error")
DELIBERATE = frozenset(
    {
        "ours:xhtml:form",
        "ours:invariant:txt-1",
        "hl7:Terminology_PassThrough_TX_Message",
    }
)
"""Differences that this project decided for; `docs/validation.md` says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What HL7's validator says of one case."""

    id: str
    digest: str
    """Of the text it saw: a case that has changed since needs a new verdict."""
    errors: tuple[str, ...]
    """Message ids; none when the resource is valid."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One case and both answers."""

    case: Case
    hl7: tuple[str, ...]
    ours: tuple[Issue, ...]

    @property
    def agrees(self) -> bool:
        return bool(self.hl7) == bool(self.ours)

    @property
    def kind(self) -> str:
        """hl7:<its message> where only HL7 refuses, ours:<our message> where only we do."""
        return f"hl7:{self.hl7[0]}" if self.hl7 else f"ours:{self.ours[0].message_id or self.ours[0].code}"


@cache
def corpus_conformance() -> Conformance:
    """Returns R4, ours, and the profiles of the corpus."""
    return with_sources(ListedSource.of_folder(FOLDER / "profiles"))


def our_issues(case: Case) -> tuple[Issue, ...]:
    """Returns what we say of a case, its JSON text included."""
    try:
        resource = parse_resource(case.text.encode())
    except FhirError as error:
        return error.issues
    return tuple(validate_resource(resource, profiles=case.profiles, conformance=corpus_conformance()))


def our_errors(case: Case) -> tuple[Issue, ...]:
    """Returns the errors among them."""
    return tuple(issue for issue in our_issues(case) if issue.severity in ERRORS)


def compare(verdicts: Iterable[Verdict]) -> list[Comparison]:
    """Judges every case and sets both answers side by side."""
    said = {verdict.id: verdict.errors for verdict in verdicts}
    return [Comparison(case, said[case.id], our_errors(case)) for case in all_cases()]


def agreement(rows: Sequence[Comparison]) -> float:
    """Returns the share of the cases on which both say valid, or both invalid."""
    return sum(row.agrees for row in rows) / len(rows)


def undecided(rows: Sequence[Comparison]) -> list[Comparison]:
    """Returns the cases without those where we differ because we decided to."""
    return [row for row in rows if row.agrees or row.kind not in DELIBERATE]


def report(rows: Sequence[Comparison]) -> str:
    """Returns the agreement, by rule and by kind of difference, as text."""
    rest = undecided(rows)
    lines = [
        f"{len(rows)} cases, agreement {100 * agreement(rows):.2f} %",
        f"{len(rest)} without deliberate differences, agreement {100 * agreement(rest):.2f} %",
        "",
    ]
    total = Counter(row.case.rule for row in rows)
    apart = Counter(row.case.rule for row in rows if not row.agrees)
    lines += [f"{rule:24} {total[rule] - apart[rule]:4} of {total[rule]:4}" for rule in sorted(total)]
    kinds: dict[str, list[Comparison]] = {}
    for row in rows:
        if not row.agrees:
            kinds.setdefault(row.kind, []).append(row)
    for kind, found in sorted(kinds.items(), key=lambda item: -len(item[1])):
        lines += ["", f"{len(found)} × {kind}"]
        lines += [f"    {row.case.id}: {row.case.way[:100]}" for row in found[:3]]
    return "\n".join(lines)


def write_verdicts(verdicts: Iterable[Verdict]) -> None:
    """Writes what HL7 said into the file that stays with the corpus."""
    rows = sorted(f"{v.id}\t{v.digest}\t{' '.join(v.errors)}" for v in verdicts)
    VERDICTS.write_text("\n".join(rows) + "\n", "utf-8")


def read_verdicts() -> list[Verdict]:
    """Reads that file."""
    rows = (line.split("\t") for line in VERDICTS.read_text("utf-8").splitlines())
    return [Verdict(id_, digest, tuple(errors.split())) for id_, digest, errors in rows]
