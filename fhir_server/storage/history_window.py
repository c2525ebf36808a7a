"""What a history asks for. https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Constraint(NamedTuple):
    """How far a history goes on one type, as the policy says."""

    current: dict[str, Any]
    """Filter of documents of the type's collection."""
    past: dict[str, Any]
    """The same for rows of the history."""


@dataclass(frozen=True, slots=True)
class HistoryWindow:
    """Which versions a history asks for; all times in ms since 1970."""

    resource_id: str = ""
    """One instance; "" for all of a type, or of the system."""
    since: int | None = None
    """Versions made at or after."""
    at: tuple[int, int] | None = None
    """Versions that were current at some moment of [lo, hi)."""
    before: tuple[int, str, str] | None = None
    """Page cursor: lastUpdated, type and id of the last row; no resource has two versions at one moment."""
