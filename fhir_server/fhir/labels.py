"""Visibility labels of a resource: a set over DocumentReference.securityLabel and meta.security, as bits.

TRE_A07-StatutVisibiliteDocument of the NOS, under each spelling of its URI that is in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_server.fhir import Resource

MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX = 1, 2, 4
LABELS = {
    "MASQUE_PS": MASQUE_PS,
    "INVISIBLE_PATIENT": INVISIBLE_PATIENT,
    "INVISIBLE_REPRESENTANTS_LEGAUX": INVISIBLE_REPRESENTANTS_LEGAUX,
}
SYSTEM = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
)
SYSTEMS = frozenset(
    {
        SYSTEM,
        "https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument",
        "urn:oid:1.2.250.1.213.1.1.4.13",
    }
)


def labels_of(resource: Resource) -> int:
    """Returns the labels of a resource as a bit set; what has the wrong shape is no label."""
    bits = 0
    for coding in _codings(resource):
        bits |= LABELS[coding["code"]]
    return bits


def with_labels(resource: Resource, bits: int) -> Resource:
    """Returns a copy that carries these labels and no other of them; all else that it carries stays."""
    kept = [c for c in _list(_dict(resource.get("meta")).get("security")) if not is_label(c)]
    added = [{"system": SYSTEM, "code": code} for code, bit in LABELS.items() if bits & bit]
    changed = {**resource, "meta": {**_dict(resource.get("meta")), "security": [*kept, *added]}}
    if not changed["meta"]["security"]:
        del changed["meta"]["security"]
    if not changed["meta"]:
        del changed["meta"]
    if "securityLabel" in resource:
        concepts = [one for one in map(_without_labels, _list(resource["securityLabel"])) if one]
        changed["securityLabel"] = concepts
        if not concepts:
            del changed["securityLabel"]
    return changed


def is_label(coding: Any) -> bool:
    """Tells whether a coding is one of the labels."""
    system, code = _dict(coding).get("system"), _dict(coding).get("code")
    return isinstance(system, str) and system in SYSTEMS and isinstance(code, str) and code in LABELS


def _without_labels(concept: Any) -> Any:
    codings = _dict(concept).get("coding")
    if not isinstance(codings, list):
        return concept
    kept = [coding for coding in codings if not is_label(coding)]
    if len(kept) == len(codings):
        return concept
    rest = {name: value for name, value in concept.items() if name != "coding"}
    return {**rest, "coding": kept} if kept else None


def _codings(resource: Resource) -> Iterator[Resource]:
    for coding in _list(_dict(resource.get("meta")).get("security")):
        if is_label(coding):
            yield coding
    for concept in _list(resource.get("securityLabel")):
        for coding in _list(_dict(concept).get("coding")):
            if is_label(coding):
                yield coding


def _dict(value: Any) -> Resource:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
