"""What validation costs, as a ratio to `orjson.loads` of the same text: the fastest that reads it at all.

Why that floor: it is in the same process on the same machine, so the ratio survives a busy one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from fhir_server.definitions.conformance import Conformance
from fhir_server.definitions.sources import ListedSource, with_sources
from fhir_server.fhir.json import parse_json
from fhir_server.validation.profile.vital_signs import implied_profiles
from fhir_server.validation.validate import Level, validate_resource

SEED = Path(__file__).resolve().parents[1] / "seed_data" / "patients"
VITAL = "vital sign"
_ROUNDS = 15
_SECONDS = 0.04
_PREFIX = "http://hl7.org/fhir/StructureDefinition/"

CLAIM: dict[str, Any] = {
    "resourceType": "Claim",
    "id": "c1",
    "status": "active",
    "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "pharmacy"}]},
    "use": "claim",
    "patient": {"reference": "Patient/1"},
    "billablePeriod": {"start": "2024-01-05T10:00:00+01:00", "end": "2024-01-05T10:15:00+01:00"},
    "created": "2024-01-05T10:15:00+01:00",
    "provider": {"reference": "Organization/1", "display": "Pharmacie du Port"},
    "priority": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/processpriority", "code": "normal"}]
    },
    "prescription": {"reference": "MedicationRequest/1"},
    "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "Assurance maladie"}}],
    "item": [
        {
            "sequence": n,
            "productOrService": {
                "coding": [{"system": "http://www.whocc.no/atc", "code": "A10BA02", "display": "metformine"}],
                "text": "Metformine 500 mg",
            },
            "quantity": {"value": 30},
            "net": {"value": 3.5, "currency": "EUR"},
            "encounter": [{"reference": "Encounter/1"}],
        }
        for n in range(1, 4)
    ],
    "total": {"value": 10.5, "currency": "EUR"},
}


def measure_validation() -> dict[str, float]:
    """Prints the ratios and returns those that have a budget."""
    samples = _samples()
    known = with_sources(ListedSource(_profiles()))
    found: dict[str, float] = {}
    print(f"\nvalidation: CPU in µs and ratio to orjson.loads, least of {_ROUNDS} rounds")
    print(f"{'':20}{'bytes':>8}{'orjson':>9}{'structure':>18}{'all of R4':>18}{'one profile':>18}")
    for name, resource in samples.items():
        text = json.dumps(resource, ensure_ascii=False).encode()
        found |= _measure(name, text, known)
    return found


def _measure(name: str, text: bytes, known: Conformance) -> dict[str, float]:
    resource = parse_json(text)
    profile = [f"http://example.org/fhir/StructureDefinition/{resource['resourceType']}"]
    ways: dict[str, Callable[[], object]] = {
        "structure": lambda: validate_resource(resource, level=Level.STRUCTURE),
        "full": lambda: validate_resource(resource),
        "profiled": lambda: validate_resource(resource, profiles=profile, conformance=known),
    }
    errors = [
        i for i in validate_resource(resource, profiles=profile, conformance=known) if i.severity == "error"
    ]
    if errors:
        raise SystemExit(f"{name} is not valid: {errors[0]}")
    rounds = [[_time(way) for way in (lambda: orjson.loads(text), *ways.values())] for _ in range(_ROUNDS)]
    # The least of all rounds is what the work itself takes: neighbours only add to it.
    best = [min(column) for column in zip(*rounds, strict=True)]
    cells = [f"{len(text):8}{best[0]:9.1f}"]
    found: dict[str, float] = {}
    for at, way in enumerate(ways, 1):
        ratio = best[at] / best[0]
        cells.append(f"{best[at]:10.1f}{ratio:7.1f}x")
        # A vital sign is checked by its profile in any case.
        if (name, way) != (VITAL, "full"):
            found[f"validation {way} {name}"] = ratio
    print(f"{name:20}" + "".join(cells), flush=True)
    return found


def _time(call: Callable[[], object]) -> float:
    """Returns µs of CPU of one call."""
    call()
    count, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < _SECONDS:
        for _ in range(8):
            call()
        count += 8
    return 1e6 * spent / count


def _samples() -> dict[str, Any]:
    entries = [
        entry for path in sorted(SEED.glob("*.json")) for entry in json.loads(path.read_bytes())["entry"]
    ]
    by_type: dict[str, list[Any]] = {}
    for entry in entries:
        resource = entry["resource"]
        type_ = VITAL if implied_profiles(resource) else resource["resourceType"]
        by_type.setdefault(type_, []).append(resource)
    middle = {type_: sorted(found, key=_size)[len(found) // 2] for type_, found in by_type.items()}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries[:100]}
    return {
        **{type_: middle[type_] for type_ in ("Patient", "Observation", "DocumentReference")},
        VITAL: middle[VITAL],
        "Claim": CLAIM,
        "Bundle of 100": bundle,
    }


def _size(resource: Any) -> int:
    return len(json.dumps(resource))


def _profiles() -> list[dict[str, Any]]:
    """Returns a profile of each type, with what profiles usually say."""
    sliced = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
    constraint = {
        "key": "x-1",
        "severity": "error",
        "human": "x",
        "expression": "id.exists() or meta.empty()",
    }
    rows: dict[str, list[dict[str, Any]]] = {
        "Patient": [
            {"id": "Patient.identifier", "path": "Patient.identifier", "slicing": sliced},
            {"id": "Patient.identifier:ins", "path": "Patient.identifier", "sliceName": "ins", "max": "5"},
            {
                "id": "Patient.identifier:ins.system",
                "path": "Patient.identifier.system",
                "min": 1,
                "fixedUri": "urn:oid:1.2.250.1.213.1.4.10",
            },
            {"id": "Patient.name.family", "path": "Patient.name.family", "maxLength": 80},
        ],
        "Observation": [
            {"id": "Observation.subject", "path": "Observation.subject", "min": 1},
            {"id": "Observation.code.coding", "path": "Observation.code.coding", "min": 1},
        ],
        "DocumentReference": [
            {"id": "DocumentReference.type", "path": "DocumentReference.type", "min": 1},
            {
                "id": "DocumentReference.content.attachment.contentType",
                "path": "DocumentReference.content.attachment.contentType",
                "min": 1,
            },
        ],
        "Claim": [{"id": "Claim.item.quantity", "path": "Claim.item.quantity", "min": 1}],
        "Bundle": [{"id": "Bundle.entry.request", "path": "Bundle.entry.request", "min": 1}],
    }
    return [
        {
            "resourceType": "StructureDefinition",
            "url": f"http://example.org/fhir/StructureDefinition/{type_}",
            "kind": "resource",
            "type": type_,
            "baseDefinition": _PREFIX + type_,
            "derivation": "constraint",
            "differential": {
                "element": [{"id": type_, "path": type_, "constraint": [constraint]}, *elements]
            },
        }
        for type_, elements in rows.items()
    ]
