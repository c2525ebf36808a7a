"""Values close to each other, so that bounds and collisions happen, for resources and queries alike."""

from __future__ import annotations

from decimal import Decimal

UCUM = "http://unitsofmeasure.org"
LOINC, SNOMED, LOCAL = "http://loinc.org", "http://snomed.info/sct", "http://example.org/codes|odd,$"

SYSTEMS = [LOINC, LOINC, SNOMED, LOCAL, ""]
CODES = ["8480-6", "8462-4", "8480", "718-7", "A1", "a1", "a,b", "a$b", "a|b", "a\\b", "x y", "é"]
DISPLAYS = ["Systolic blood pressure", "systolic", "Tension artérielle", "TENSION", "Pression, basse"]

FAMILIES = [
    "Éléonore",
    "Eleonore",
    "Dupont",
    "DUPONT",
    "dupont",
    "Dupond",
    "D'Arc",
    "D’Arc",
    "Darc",
    "Lœuvre",
    "Loeuvre",
    "Müller",
    "Mueller",
    "Muller",
    "Strauß",
    "Strauss",
    "Le Goff",
    "Le  Goff",
    "Le-Goff",
    "Legoff",
    "Nuñez",
    "Nun\u0303ez",
    "Nunez",
    "ﬁn",
    "fin",
    "a,b",
    "50%",
    "a\\b",
    "(x",
    "a|b",
    "Æl",
    "Ael",
    "Łódź",
    "李",
    "Ж",
]
GIVENS = ["Anne", "Anne-Marie", "ANNE", "Marie", "Jean", "Jéan", "J.", "Noël", "Noel", "Zoé"]
CITIES = ["Paris", "paris", "Saint-Étienne", "Saint Etienne", "SAINT-ETIENNE", "L'Haÿ-les-Roses", "Lhay"]
TEXTS = [
    "Positive",
    "positif",
    "positive, weak",
    "negative",
    "Négatif",
    "a$b",
    "  spaced  out ",
    "œdème",
    "oedeme",
]

DAYS = [
    "2023",
    "2024",
    "2023-12",
    "2024-01",
    "2024-02",
    "2023-12-31",
    "2024-01-01",
    "2024-01-02",
    "2024-02-29",
    "2024-02-28",
    "2024-03-01",
    "1969-12-31",
    "1960",
]
MOMENTS = [
    "2024-01-01T00:00:00Z",
    "2023-12-31T23:59:59Z",
    "2023-12-31T23:59:59.999Z",
    "2024-01-01T00:00:00.000Z",
    "2024-01-01T00:30:00+01:00",
    "2023-12-31T18:30:00-05:00",
    "2024-01-01T00:00:00.5Z",
    "2024-01-01T12:00:00+14:00",
    "2024-01-01T10:00:00Z",
    "2024-02-29T23:59:59+01:00",
    "2024-03-01T00:00:00+01:00",
    "1970-01-01T00:00:00Z",
]
MINUTES = ["2024-01-01T00:00Z", "2023-12-31T23:59Z", "2024-01-01T00:30+01:00", "2024-01-01T00:00"]
"""Searches may leave the seconds out; resources may not."""

PLACES = [
    (Decimal("48.8566"), Decimal("2.3522")),
    (Decimal("48.8606"), Decimal("2.3376")),
    (Decimal("45.764"), Decimal("4.8357")),
    (Decimal("-17.5"), Decimal("179.9")),
    (Decimal("-17.6"), Decimal("-179.9")),
    (Decimal("90"), Decimal("0")),
    (Decimal("0"), Decimal("0")),
]
"""(latitude, longitude)"""

NUMBERS = [
    1,
    Decimal("1.0"),
    Decimal("1.00"),
    Decimal("0.001"),
    Decimal("0.0010"),
    1000,
    Decimal("1000.0"),
    Decimal("999.5"),
    Decimal("1000.5"),
    Decimal("999.4"),
    5,
    Decimal("5.4"),
    Decimal("5.40"),
    Decimal("5.35"),
    Decimal("5.45"),
    Decimal("5.449"),
    0,
    -1,
    Decimal("0.95"),
    Decimal("1.05"),
    Decimal("0.1"),
    Decimal("0.10"),
    Decimal("0.15"),
    100,
]
ASKED_NUMBERS = ["1e0", "1e3", "1.0e3", "1E-3", "100e-2", "5.4", "5.40", "5", "-1", "0", "0.0", "100", "99.5"]
UNITS = [
    (UCUM, "mg"),
    (UCUM, "g"),
    (UCUM, "kg"),
    (UCUM, "mg"),
    (UCUM, "min"),
    (UCUM, "h"),
    ("http://example.org/u", "mg"),
]

URLS = [
    "http://example.org/fhir/ValueSet/1",
    "http://example.org/fhir/ValueSet/1/a",
    "http://example.org/fhir/ValueSet/12",
    "http://example.org/fhir/valueset/1",
    "http://example.org/fhir",
    "urn:oid:1.2.3",
    "urn:oid:1.2.3.4",
    "http://example.org/a,b",
    "http://example.org/é",
    "http://example.org/%C3%A9",
    "http://example.org/a|b",
]
CANONICALS = [f"http://example.org/Questionnaire/{n}" for n in range(4)]
VERSIONS = ["1.0", "1.0.1", "2"]
IDENTIFIER_SYSTEMS = ["urn:oid:1.2.250.1.213", "http://example.org/mrn", "http://example.org/MRN"]
IDENTIFIERS = ["1", "01", "A-1", "a-1", "1,2", "1|2", "12"]
