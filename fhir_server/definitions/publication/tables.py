"""The tables in `profiles/tables/`: CSV with a line of column names, lines that begin with # are comments.

profiles/README.md
"""

from __future__ import annotations

import csv
from pathlib import Path

BASE = "https://dmp-fhir.example.org/fhir"
"""Canonical base of what is defined here; nothing is ever fetched from it."""

Row = dict[str, str]


class TableError(ValueError):
    """A table that contradicts itself or another one."""


def read_table(path: Path) -> list[Row]:
    """Returns the rows of a table; raises TableError where a row has more or fewer cells than columns."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    rows = list(csv.DictReader(lines, strict=True))
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise TableError(f"{path.name}: row {number} has not as many cells as there are columns")
    return rows


def head_of(resource_type: str, row: Row, url: str = "") -> dict[str, object]:
    """Returns what every artefact begins with, from its row: id, name, title, description."""
    return {
        "resourceType": resource_type,
        "id": row["id"],
        "url": url or f"{BASE}/{resource_type}/{row['id']}",
        "version": "1.0.0",
        "name": row["name"],
        "title": row["title"],
        "status": "active",
        "experimental": False,
        "date": "2026-10-31",
        "publisher": "Projet fhir-server-dmp",
        "description": row["description"],
        "jurisdiction": [{"coding": [{"system": "urn:iso:std:iso:3166", "code": "FR"}]}],
    }
