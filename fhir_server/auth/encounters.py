"""Finds the Encounters of a record of which a person may choose one, with her own rights.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#standalone-apps
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.auth.patients import MOST, Chooser
from fhir_server.interactions.messages import FhirRequest


@dataclass(frozen=True, slots=True)
class Stay:
    """An Encounter that may be chosen, as a person recognises it."""

    id: str
    kind: str
    """Code of http://terminology.hl7.org/CodeSystem/v3-ActCode; pages have words for the usual ones."""
    kind_display: str
    start: str
    """Dates, YYYY-MM-DD or shorter; "" when they are not known."""
    end: str
    place: str
    subject: str


@dataclass(frozen=True, slots=True)
class FoundStays:
    """The newest Encounters of a record."""

    stays: tuple[Stay, ...]
    is_cut: bool = False


class EncounterChooser:
    """Reads the Encounters of one record for one person who is logged in."""

    def __init__(self, chooser: Chooser, patient: str, *, is_professional: bool) -> None:
        self._chooser = chooser
        self._patient = patient
        # Holders and representatives open the record as such, professionals with what they may see.
        self._level = "user" if is_professional else "patient"

    def newest(self) -> FoundStays:
        """Returns the Encounters of the record, the newest first."""
        query = (("_sort", "-date"), ("_count", str(MOST + 1)))
        found = self._find(query)
        return FoundStays(found[:MOST], len(found) > MOST)

    def may_choose(self, encounter_id: str) -> Stay | None:
        """Returns an Encounter of the record that the person may read, None when there is none such."""
        if not encounter_id or set(encounter_id) & set(",|$\\"):
            return None
        return next(iter(self._find((("_id", encounter_id),))), None)

    def _find(self, query: tuple[tuple[str, str], ...]) -> tuple[Stay, ...]:
        context = self._chooser.context(f"{self._level}/Encounter.rs", self._patient)
        mine = ("patient", f"Patient/{self._patient}")
        answer = self._chooser.ask(context, FhirRequest("GET", ("Encounter",), (mine, *query)))
        entries = answer.get("entry", []) if answer is not None else []
        resources = [entry["resource"] for entry in entries]
        return tuple(read_stay(one) for one in resources if one.get("resourceType") == "Encounter")


def read_stay(encounter: Mapping[str, Any]) -> Stay:
    """Reads of an Encounter what tells it from another."""
    kind, period = encounter.get("class", {}), encounter.get("period", {})
    concepts = [*encounter.get("type", []), *encounter.get("reasonCode", [])]
    return Stay(
        id=str(encounter["id"]),
        kind=str(kind.get("code", "")),
        kind_display=str(kind.get("display", "") or kind.get("code", "")),
        start=str(period.get("start", ""))[:10],
        end=str(period.get("end", ""))[:10],
        place=str(encounter.get("serviceProvider", {}).get("display", "")),
        subject=next((text for concept in concepts if (text := _text(concept))), ""),
    )


def _text(concept: Mapping[str, Any]) -> str:
    displays = (coding.get("display", "") for coding in concept.get("coding", []))
    return str(concept.get("text", "") or next((one for one in displays if one), ""))
