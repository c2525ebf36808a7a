"""Fictitious records of any number of patients, always the same: what the benchmarks read, search and write.

https://hl7.org/fhir/R4/observation.html, https://hl7.org/fhir/R4/documentreference.html
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from fhir_server.fhir import Resource

LOINC = "http://loinc.org"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_MEASUREMENTS = (
    ("29463-7", "Body weight", "kg", 40, 110),
    ("8302-2", "Body height", "cm", 140, 200),
    ("8867-4", "Heart rate", "/min", 45, 140),
    ("2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", 60, 250),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 8, 18),
)
WEIGHT = _MEASUREMENTS[0][0]
_DOCUMENTS = (("11488-4", "CR ou fiche de consultation"), ("34112-3", "CR hospitalier"), ("60591-5", "VSM"))
_FAMILIES = ("Martin", "Bernard", "Dubois", "Thomas", "Robert", "Lefèvre", "Moreau", "Garnier", "Faure")
_GIVEN = ("Jeanne", "Louis", "Chloé", "Hugo", "Zoé", "Léa", "Noé", "Anaïs", "Émile", "Inès")


@dataclass(frozen=True, slots=True)
class Record:
    """One patient and what belongs to it; the first resource is the Patient."""

    patient: str
    resources: tuple[Resource, ...]


def records(count: int, seed: int = 0) -> Iterator[Record]:
    """Yields records of 36 resources: the patient, 30 observations (25 of them weights), 5 documents."""
    chance = random.Random(seed)
    for _ in range(count):
        patient = _id(chance)
        yield Record(
            patient,
            (
                _patient(patient, chance),
                *(observation(patient, chance, 0 if n < 25 else n % 5) for n in range(30)),
                *(_document(patient, chance) for _ in range(5)),
            ),
        )


def observation(patient: str, chance: random.Random, measurement: int) -> Resource:
    """Returns one measurement of about 1 KB."""
    code, display, unit, low, high = _MEASUREMENTS[measurement]
    moment = f"{_day(chance)}T{chance.randrange(8, 20):02d}:{chance.randrange(60):02d}:00+01:00"
    return {
        "resourceType": "Observation",
        "id": _id(chance),
        "identifier": [{"system": "urn:oid:2.16.840.1.113883.4.999", "value": str(chance.randrange(10**9))}],
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": "vital-signs", "display": "Vital Signs"}]}],
        "code": {"coding": [{"system": LOINC, "code": code, "display": display}], "text": display},
        "subject": {"reference": f"Patient/{patient}"},
        "encounter": {"reference": f"Encounter/{_id(chance)}"},
        "effectiveDateTime": moment,
        "issued": moment,
        "performer": [{"reference": f"Practitioner/{_id(chance)}", "display": "Dr Camille Exemple"}],
        "valueQuantity": {
            "value": Decimal(chance.randrange(low * 10, high * 10)) / 10,
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
        "referenceRange": [{"low": {"value": low, "unit": unit}, "high": {"value": high, "unit": unit}}],
    }


def _patient(patient: str, chance: random.Random) -> Resource:
    family, given = chance.choice(_FAMILIES), chance.choice(_GIVEN)
    number = f"{chance.randrange(10**14):015d}"
    return {
        "resourceType": "Patient",
        "id": patient,
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{given} {family}</p></div>',
        },
        "identifier": [{"use": "official", "system": "urn:oid:1.2.250.1.213.1.4.10", "value": number}],
        "active": True,
        "name": [{"use": "official", "family": family, "given": [given]}],
        "telecom": [{"system": "phone", "value": "06 39 98 00 00", "use": "mobile"}],
        "gender": chance.choice(("female", "male")),
        "birthDate": _day(chance),
        "address": [
            {"line": ["1 rue de l'Exemple"], "city": "Lyon", "postalCode": "69001", "country": "FRA"}
        ],
    }


def _document(patient: str, chance: random.Random) -> Resource:
    code, display = chance.choice(_DOCUMENTS)
    moment = f"{_day(chance)}T12:00:00Z"
    unique = f"urn:uuid:{_id(chance)}"
    return {
        "resourceType": "DocumentReference",
        "id": _id(chance),
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": unique},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": unique}],
        "status": "current",
        "type": {"coding": [{"system": LOINC, "code": code, "display": display}]},
        "subject": {"reference": f"Patient/{patient}"},
        "date": moment,
        "author": [{"reference": f"Practitioner/{_id(chance)}", "display": "Dr Camille Exemple"}],
        "description": f"{display} du {moment[:10]}",
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "language": "fr-FR",
                    "url": f"Binary/{_id(chance)}",
                    "size": chance.randrange(10_000, 500_000),
                    "hash": "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
                    "title": display,
                    "creation": moment,
                },
                "format": {
                    "system": "http://ihe.net/fhir/ihe.formatcode.fhir",
                    "code": "urn:ihe:iti:xds-sd:pdf:2008",
                },
            }
        ],
        "context": {
            "facilityType": {"coding": [{"system": "https://example.org/facility", "code": "SA01"}]},
            "period": {"start": moment, "end": moment},
        },
    }


def as_transaction(record: Record) -> Resource:
    """Returns the record as a transaction Bundle whose entries refer to each other by urn:uuid."""
    urns = {f"Patient/{record.patient}": f"urn:uuid:{record.patient}"}
    entries = []
    for resource in record.resources:
        linked = dict(resource)
        linked.pop("id")
        if "subject" in linked:
            linked["subject"] = {"reference": urns[f"Patient/{record.patient}"]}
        entries.append(
            {
                "fullUrl": f"urn:uuid:{resource['id']}",
                "resource": linked,
                "request": {"method": "POST", "url": resource["resourceType"]},
            }
        )
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _id(chance: random.Random) -> str:
    return str(uuid.UUID(bytes=chance.randbytes(16), version=4))


def _day(chance: random.Random) -> str:
    return (date(2000, 1, 1) + timedelta(days=chance.randrange(9000))).isoformat()
