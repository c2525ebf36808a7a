"""The rules that decide an access as the patient is told of them: rules.csv, sentence and article of law."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table."""

    code: str
    fr: str
    en: str
    article: str


@cache
def rules() -> dict[str, Rule]:
    """Returns the table by code."""
    text = resources.files(__package__).joinpath("rules.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["code"]: Rule(**row) for row in rows}
