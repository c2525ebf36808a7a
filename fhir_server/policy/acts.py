"""What a write does to a resource of a record, and whether the writer may: the rights of P526 as a table.

docs/security/patient-decides.md, `document_rights.csv`
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import Any

from fhir_server.errors import Forbidden, Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhir.labels import (
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    MASQUE_PS,
    labels_of,
    with_labels,
)
from fhir_server.policy.actor import HOLDER, PROFESSIONAL, REPRESENTATIVE, STRUCTURE, SYSTEM, Actor

TREATING = "treating"
OWN, PATIENT, OTHER = "own", "patient", "other"
"""Whose contribution a resource is, as seen by who writes."""
_ENOUGH = {"yes": (OWN, PATIENT, OTHER), PATIENT: (OWN, PATIENT), OWN: (OWN,), "no": ()}
IS_ARCHIVED = frozenset(
    {
        "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived",
        "https://dmp-fhir.example.org/fhir/StructureDefinition/dmp-is-archived",
    }
)
_LABEL_ACTS = {
    MASQUE_PS: ("mask", "unmask"),
    INVISIBLE_PATIENT: ("hide-from-patient", "show-to-patient"),
    INVISIBLE_REPRESENTANTS_LEGAUX: ("hide-from-representatives", "show-to-representatives"),
}
_STATUS_ACTS = {"entered-in-error": "delete", "superseded": "replace"}
_SERVER_ELEMENTS = ("versionId", "lastUpdated")


def acts_of(old: Resource, new: Resource | None) -> frozenset[str]:
    """Returns what a new version does to the one before, None for a deletion."""
    if new is None:
        return frozenset({"delete"})
    found = set()
    before, after = labels_of(old), labels_of(new)
    for bit, (added, removed) in _LABEL_ACTS.items():
        if (before ^ after) & bit:
            found.add(added if after & bit else removed)
    if new["resourceType"] == "DocumentReference" and old.get("status") != new.get("status"):
        found.add(_STATUS_ACTS.get(str(new.get("status")), "content"))
    if _archived(old) != _archived(new):
        found.add("archive")
    if _content(old) != _content(new):
        found.add("content")
    return frozenset(found)


def check_acts(acts: frozenset[str], actor: Actor, *, is_treating: bool, whose: str) -> None:
    """Raises Forbidden where an actor may not do one of the acts to what is own, the patient's or other."""
    if actor.kind == SYSTEM:
        return
    column = TREATING if is_treating else actor.kind
    for act in sorted(acts):
        if whose not in _ENOUGH[rights()[act][column]]:
            raise Forbidden(f"this act ({act}) is not yours on what others contributed")


def check_deposit(resource: Resource, actor: Actor, *, is_adult: bool) -> None:
    """Raises Unprocessable or Forbidden where a new resource carries labels that it cannot carry."""
    labels = labels_of(resource)
    if not labels or actor.kind == SYSTEM:
        return
    check_labels(labels)
    if labels & INVISIBLE_PATIENT and actor.kind not in (PROFESSIONAL, STRUCTURE):
        raise Forbidden("only who is yet to announce it hides something from the patient")
    if labels & INVISIBLE_REPRESENTANTS_LEGAUX:
        if is_adult:
            raise Unprocessable("INVISIBLE_REPRESENTANTS_LEGAUX is of minors", "meta.security")
        if actor.kind == REPRESENTATIVE:
            raise Forbidden("who represents the holder does not hide it from representatives")


def check_labels(labels: int) -> None:
    """Raises Unprocessable where labels do not go together."""
    if labels & MASQUE_PS and labels & INVISIBLE_PATIENT:
        raise Unprocessable("MASQUE_PS and INVISIBLE_PATIENT do not go together", "meta.security")


def whose(actor: Actor, authors: list[str], patient: str) -> str:
    """Returns own, patient or other; what names no author is the holder's."""
    is_patients = not authors or f"Patient/{patient}" in authors
    if actor.kind in (HOLDER, REPRESENTATIVE):
        return OWN if is_patients else OTHER
    name = actor.organization if actor.kind == STRUCTURE else actor.reference
    return OWN if name in authors else PATIENT if is_patients else OTHER


@cache
def rights() -> dict[str, dict[str, str]]:
    """Returns act → column → yes, patient, own or no."""
    text = resources.files(__package__).joinpath("document_rights.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row.pop("act"): row for row in rows}


def _archived(resource: Resource) -> bool:
    return any(one.get("valueBoolean") is True for one in _extensions(resource) if one["url"] in IS_ARCHIVED)


def _content(resource: Resource) -> Resource:
    """Returns all that is neither label, status of a document, archive mark nor the server's."""
    plain = with_labels(resource, 0)
    meta = {name: value for name, value in plain.get("meta", {}).items() if name not in _SERVER_ELEMENTS}
    left = {name: value for name, value in plain.items() if name not in ("meta", "extension")}
    if plain["resourceType"] == "DocumentReference":
        left.pop("status", None)
    kept = [one for one in plain.get("extension", []) if not _is_archive_mark(one)]
    return left | ({"meta": meta} if meta else {}) | ({"extension": kept} if kept else {})


def _extensions(resource: Resource) -> list[Resource]:
    found = resource.get("extension")
    return [one for one in found if _is_archive_mark(one)] if isinstance(found, list) else []


def _is_archive_mark(extension: Any) -> bool:
    """Tells whether an extension is the mark and nothing more: anything else with its URL is content."""
    is_mark = isinstance(extension, dict) and set(extension) == {"url", "valueBoolean"}
    return is_mark and extension["url"] in IS_ARCHIVED
