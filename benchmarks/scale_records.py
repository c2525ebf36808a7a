"""Stored documents by the million, always the same: templates through the server's own index, then varied.

A few hundred resources are built as a write would build them (compressed bytes, index entries). Their ids,
dates, names and values are marks; each document replaces the marks in a template, which is a hundred times
cheaper than extraction and yields the same document. A record has 100 resources, one in 50 has 500.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

from fhir_server.fhir import Resource
from fhir_server.fhir.json import encode_json
from fhir_server.search.extraction import type_table
from fhir_server.search.primary_date import DAY_MS, sort_key
from fhir_server.storage.stored import build_document, compress

BASE_URL = "http://127.0.0.1/fhir"
PER_PATIENT = 100
PRACTITIONERS = 200
CHRONIC = 50
"""Each such patient has glucose measured ..."""
GLUCOSE = 400
"""... so many times more."""
LOINC, SNOMED, LOCAL = "http://loinc.org", "http://snomed.info/sct", "https://example.org/codes"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
UCUM = "http://unitsofmeasure.org"

OWN, PATIENT, OTHER, ENCOUNTER, PRACTITIONER = "iXXXXXXX", "pXXXXXXX", "qXXXXXXX", "eXXXXXXX", "dXXXXXXX"
FAMILY, MOMENT, VALUE = "Famxxxxx", "1999-01-01T00:00:00Z", "7777.5"
_MOMENT_MS = int(datetime.fromisoformat(MOMENT).timestamp() * 1000)
_MARKS = re.compile("|".join((OWN, PATIENT, OTHER, ENCOUNTER, PRACTITIONER, FAMILY, FAMILY.lower())))
_FIRST_DAY = int(datetime(2004, 1, 1, tzinfo=UTC).timestamp())
_MINUTES = 20 * 365 * 24 * 60

MIX = (
    *(("Observation", 60), ("Encounter", 10), ("MedicationRequest", 8), ("Condition", 6)),
    *(("DocumentReference", 6), ("DiagnosticReport", 5), ("Procedure", 4)),
)
"""What a patient's record holds beside the Patient."""

MEASURES = (
    ("29463-7", "kg"), ("8302-2", "cm"), ("8867-4", "/min"), ("2339-0", "mg/dL"), ("718-7", "g/dL"),
    ("8310-5", "Cel"), ("9279-1", "/min"), ("2160-0", "mg/dL"), ("2951-2", "mmol/L"), ("2823-3", "mmol/L"),
    ("6690-2", "10*3/uL"), ("789-8", "10*6/uL"), ("777-3", "10*3/uL"), ("4548-4", "%"), ("2093-3", "mg/dL"),
    ("2571-8", "mg/dL"), ("2085-9", "mg/dL"), ("1742-6", "U/L"), ("1920-8", "U/L"), ("1975-2", "mg/dL"),
)  # fmt: skip
RARE = "33914-3"
"""Measured once in ten thousand resources."""

SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "te", "va")
FAMILIES = tuple("".join(s).ljust(8, "z").capitalize() for s in product(SYLLABLES, repeat=3))

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """A document with marks in it."""

    resource_type: str
    document: Document
    raw: str
    tokens: tuple[str, ...]
    """Without marks."""
    marked: tuple[str, ...]
    ranges: tuple[Document, ...]
    scaled: tuple[tuple[Document, float], ...]
    """Ranges of the value, and what one unit of it counts there."""
    moved: tuple[tuple[Document, int], ...]
    """Ranges of the moment, and their lengths."""
    is_dated: bool

    def fill(self, marks: dict[str, str], moment: int, value: str) -> Document:
        """Returns a document of its own."""
        document = dict(self.document)
        own = marks[OWN]
        document["_id"] = own
        document["t"] = [*self.tokens, *(_MARKS.sub(lambda m: marks[m[0]], t) for t in self.marked)]
        number = float(value)
        ranges = [*self.ranges]
        ranges += [r | {"lo": number * f, "hi": number * f} for r, f in self.scaled]
        for entry, length in self.moved:
            start = moment - moment % DAY_MS if length == DAY_MS else moment
            ranges.append(entry | {"lo": start, "hi": start + length})
        document["r"] = ranges
        document["lu"] = moment + 3_600_000
        document["sk"] = sort_key(moment if self.is_dated else document["lu"], own)
        if "p" in document:
            document["p"] = marks[PATIENT]
        text = datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        raw = _MARKS.sub(lambda m: marks[m[0]], self.raw)
        raw = raw.replace(MOMENT, text).replace(MOMENT[:10], text[:10]).replace(VALUE, value)
        document["z"] = compress(raw.encode())
        return document


def build_template(resource: Resource) -> Template:
    """Builds a resource with marks as a write does, and finds where the marks went."""
    document = build_document(resource, 1, _MOMENT_MS, "POST", BASE_URL)
    marked = tuple(t for t in document["t"] if _MARKS.search(t))
    scaled = tuple((r, r["lo"] / float(VALUE)) for r in document["r"] if "value-quantity=" in r["k"])
    moved = tuple((r, r["hi"] - r["lo"]) for r in document["r"] if r["lo"] == _MOMENT_MS)
    varied = [r for r, _ in (*scaled, *moved)]
    return Template(
        resource["resourceType"],
        {k: v for k, v in document.items() if k not in ("t", "r", "z")},
        encode_json(resource).decode(),
        tuple(t for t in document["t"] if t not in marked),
        marked,
        tuple(r for r in document["r"] if r not in varied),
        scaled,
        moved,
        bool(type_table(resource["resourceType"]).primary_date),
    )


def documents(count: int, seed: int = 0) -> Iterator[tuple[str, Document]]:
    """Yields (type, document): the practitioners, then record after record."""
    chance = random.Random(seed)
    templates = {type_: [build_template(r) for r in make()] for type_, make in _MAKERS.items()}
    marks = dict.fromkeys((OWN, PATIENT, OTHER, ENCOUNTER, PRACTITIONER), "")
    for number in range(PRACTITIONERS):
        yield "Practitioner", _fill(templates["Practitioner"], marks, f"d{number:07d}", chance)
    patients = patients_of(count)
    glucose = next(t for t in templates["Observation"] if any("2339-0" in token for token in t.tokens))
    for number in range(patients):
        marks[PATIENT], marks[OTHER] = f"p{number:07d}", f"p{(number + 1) % patients:07d}"
        yield "Patient", _fill(templates["Patient"], marks, marks[PATIENT], chance)
        for type_, many in MIX:
            for n in range(many):
                own = f"{type_[0].lower()}{number:07d}{n:02d}"
                marks[ENCOUNTER] = f"e{number:07d}{n % 10:02d}"
                yield type_, _fill(templates[type_], marks, own, chance)
        for n in range(GLUCOSE if number % CHRONIC == 0 else 0):
            yield "Observation", _fill([glucose], marks, f"g{number:07d}{n:03d}", chance)


def patients_of(count: int) -> int:
    """Returns how many records make about so many resources."""
    return max(1, count * CHRONIC // (PER_PATIENT * CHRONIC + GLUCOSE))


def _fill(templates: list[Template], marks: dict[str, str], own: str, chance: random.Random) -> Document:
    marks[OWN] = own
    marks[PRACTITIONER] = f"d{chance.randrange(PRACTITIONERS):07d}"
    marks[FAMILY] = chance.choice(FAMILIES)
    marks[FAMILY.lower()] = marks[FAMILY].lower()
    moment = (_FIRST_DAY + 60 * chance.randrange(_MINUTES)) * 1000
    # The first templates are the common ones.
    template = templates[int(len(templates) * chance.random() ** 1.5)]
    return template.fill(marks, moment, f"{chance.randrange(10, 2000) / 10:.1f}")


def _observations() -> Iterator[Resource]:
    for number in range(100):
        code, unit = MEASURES[number % len(MEASURES)]
        codings = [{"system": LOINC, "code": code}]
        if number % 20 == 0:
            codings.append({"system": LOCAL, "code": code})
        quantity = {"value": Decimal(VALUE), "unit": unit, "system": UCUM, "code": unit}
        category = "vital-signs" if number % 3 else "laboratory"
        status = "preliminary" if number % 25 == 3 else "final"
        found = _observation(codings, category) | {"status": status, "valueQuantity": quantity}
        if number % 50 == 49:
            # In two records, so in the compartment of none.
            found["performer"] = [{"reference": f"Patient/{OTHER}"}]
        yield found
    for number in range(20):
        parts = [("8480-6", "mm[Hg]"), ("8462-4", "mm[Hg]")]
        components = [
            {
                "code": {"coding": [{"system": LOINC, "code": code}]},
                "valueQuantity": {"value": Decimal(VALUE), "unit": unit, "system": UCUM, "code": unit},
            }
            for code, unit in parts
        ]
        code = {"system": LOINC, "code": "85354-9" if number < 19 else RARE}
        yield _observation([code], "vital-signs") | {"component": components}
    for number in range(20):
        concept = {"coding": [{"system": SNOMED, "code": str(260385009 + number % 4)}]}
        yield _observation([{"system": LOINC, "code": "5778-6"}], "laboratory") | {
            "valueCodeableConcept": concept
        }


def _observation(codings: list[Resource], category: str) -> Resource:
    return {
        "resourceType": "Observation",
        "id": OWN,
        "identifier": [{"system": "urn:oid:2.16.840.1.113883.4.999", "value": OWN}],
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "code": {"coding": codings},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "encounter": {"reference": f"Encounter/{ENCOUNTER}"},
        "effectiveDateTime": MOMENT,
        "issued": MOMENT,
        "performer": [{"reference": f"Practitioner/{PRACTITIONER}"}],
    }


def _practitioners() -> Iterator[Resource]:
    yield {"resourceType": "Practitioner", "id": OWN, "active": True, "name": [{"family": FAMILY}]}


def _patients() -> Iterator[Resource]:
    for gender, city in product(("female", "male"), ("Lyon", "Paris", "Lille", "Brest", "Nice")):
        yield {
            "resourceType": "Patient",
            "id": OWN,
            "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": OWN}],
            "active": True,
            "name": [
                {"use": "official", "family": FAMILY, "given": ["Camille" if city == "Nice" else "Louise"]}
            ],
            "gender": gender,
            "birthDate": MOMENT[:10],
            "address": [
                {"line": ["1 rue de l'Exemple"], "city": city, "postalCode": "69001", "country": "FRA"}
            ],
            "generalPractitioner": [{"reference": f"Practitioner/{PRACTITIONER}"}],
        }


def _encounters() -> Iterator[Resource]:
    for number in range(20):
        yield {
            "resourceType": "Encounter",
            "id": OWN,
            "status": "in-progress" if number == 19 else "finished",
            "class": {
                "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                "code": ("AMB", "EMER", "IMP")[number % 3],
            },
            "subject": {"reference": f"Patient/{PATIENT}"},
            "participant": [{"individual": {"reference": f"Practitioner/{PRACTITIONER}"}}],
            "period": {"start": MOMENT} if number == 19 else {"start": MOMENT, "end": MOMENT},
        }


def _coded(resource_type: str, field: str, codes: int, **more: Any) -> Iterator[Resource]:
    for number in range(codes):
        yield {
            "resourceType": resource_type,
            "id": OWN,
            field: {"coding": [{"system": SNOMED, "code": str(100000000 + 37 * number)}]},
            "subject": {"reference": f"Patient/{PATIENT}"},
            "encounter": {"reference": f"Encounter/{ENCOUNTER}"},
            **more,
        }


def _conditions() -> Iterator[Resource]:
    status = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
    }
    yield from _coded(
        "Condition", "code", 60, clinicalStatus=status, recordedDate=MOMENT, onsetDateTime=MOMENT
    )


def _medication_requests() -> Iterator[Resource]:
    more: Resource = {"status": "active", "intent": "order", "authoredOn": MOMENT}
    more["requester"] = {"reference": f"Practitioner/{PRACTITIONER}"}
    yield from _coded("MedicationRequest", "medicationCodeableConcept", 50, **more)


def _documents() -> Iterator[Resource]:
    for code in ("11488-4", "34112-3", "60591-5", "18842-5", "11502-2"):
        yield {
            "resourceType": "DocumentReference",
            "id": OWN,
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.999.{OWN}"}],
            "status": "current",
            "type": {"coding": [{"system": LOINC, "code": code}]},
            "subject": {"reference": f"Patient/{PATIENT}"},
            "date": MOMENT,
            "author": [{"reference": f"Practitioner/{PRACTITIONER}"}],
            "content": [{"attachment": {"contentType": "application/pdf", "url": f"Binary/{OWN}"}}],
            "context": {"encounter": [{"reference": f"Encounter/{ENCOUNTER}"}]},
        }


def _reports() -> Iterator[Resource]:
    more = {"status": "final", "effectiveDateTime": MOMENT, "issued": MOMENT}
    yield from _coded("DiagnosticReport", "code", 30, **more)


def _procedures() -> Iterator[Resource]:
    yield from _coded("Procedure", "code", 40, status="completed", performedDateTime=MOMENT)


_MAKERS = {
    "Practitioner": _practitioners,
    "Patient": _patients,
    "Encounter": _encounters,
    "Observation": _observations,
    "Condition": _conditions,
    "MedicationRequest": _medication_requests,
    "DocumentReference": _documents,
    "DiagnosticReport": _reports,
    "Procedure": _procedures,
}
