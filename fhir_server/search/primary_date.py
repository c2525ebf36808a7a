"""The date by which the resources of a type are usually read, and the sort key made of it.

docs/decisions/0011-index-entries.md
"""

from __future__ import annotations

from hashlib import blake2b

DATES = {
    "Account": "period", "Basic": "created", "Bundle": "timestamp", "ChargeItem": "entered-date",
    "Claim": "created", "ClaimResponse": "created", "Communication": "sent",
    "CommunicationRequest": "authored", "Condition": "recorded-date", "Contract": "issued",
    "CoverageEligibilityRequest": "created", "CoverageEligibilityResponse": "created",
    "DetectedIssue": "identified", "DeviceRequest": "authored-on", "DocumentManifest": "created",
    "ExplanationOfBenefit": "created", "Goal": "start-date", "ImagingStudy": "started",
    "Media": "created", "MedicationAdministration": "effective-time",
    "MedicationDispense": "whenhandedover", "MedicationRequest": "authoredon",
    "MedicationStatement": "effective", "NutritionOrder": "datetime", "PaymentNotice": "created",
    "PaymentReconciliation": "created", "Provenance": "recorded", "QuestionnaireResponse": "authored",
    "RequestGroup": "authored", "ServiceRequest": "authored", "Slot": "start", "Specimen": "collected",
    "Task": "authored-on", "TestReport": "issued", "VisionPrescription": "datewritten",
}  # fmt: skip
"""Resource type → search parameter; a type that is not here takes `date` where it has it."""

_HASH_BITS = 20
_END = 2**43
"""Dates are kept from 1691 to 2248; those beyond count as the last millisecond before."""


DAY_MS = 86_400_000


def sort_key_range(lo: int | None, hi: int | None) -> dict[str, int]:
    """Returns the bounds of the sort keys of dates from `lo` to `hi`, both included; None is open."""
    bounds: dict[str, int] = {}
    if lo is not None:
        bounds["$gte"] = _clamp(lo) << _HASH_BITS
    if hi is not None:
        bounds["$lt"] = (_clamp(hi) + 1) << _HASH_BITS
    return bounds


def _clamp(milliseconds: int) -> int:
    return min(max(milliseconds, 1 - _END), _END - 1)


def sort_key(milliseconds: int | None, resource_id: str) -> int:
    """Returns date and 20 bits of a hash of the id as one Int64; no date sorts before all dates."""
    digest = blake2b(resource_id.encode("utf-8", "replace"), digest_size=3).digest()
    clamped = -_END if milliseconds is None else _clamp(milliseconds)
    return (clamped << _HASH_BITS) | (int.from_bytes(digest, "big") >> 4)
