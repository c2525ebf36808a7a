"""Searches that software for clinicians sends, each with what it asks of a resource, said a second time.

https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from tests.integration.seed_oracle import (
    Holds,
    amount,
    begins,
    coded,
    contains,
    dated,
    either,
    equals,
    negated,
    present,
    refers,
)

LOINC = "http://loinc.org"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
ATC = "http://www.whocc.no/atc"
UCUM = "http://unitsofmeasure.org"
INS = "urn:oid:1.2.250.1.213.1.4.10"
RPPS = "https://rpps.esante.gouv.fr"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CLASS = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
SPECIALTY = "https://mos.esante.gouv.fr/NOS/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale"
FIRST, SECOND, THIRD = "Patient/dmp-0001", "Patient/dmp-0002", "Patient/dmp-0003"
ALL = present("id")

QUERIES: list[tuple[str, *tuple[Holds, ...]]] = [
    # Who is it
    (f"Patient?identifier={INS}|258046926699162", coded("identifier", "258046926699162", INS)),
    ("Patient?identifier=258046926699162", coded("identifier", "258046926699162")),
    (f"Patient?identifier={INS}|", coded("identifier", "", INS)),
    ("Patient?family=lefevre", begins("name.family", "Lefèvre")),
    ("Patient?given=FRANCOISE", begins("name.given", "Françoise")),
    (
        "Patient?family=Moreau&birthdate=1958-04-12",
        begins("name.family", "moreau"),
        equals("birthDate", "1958-04-12"),
    ),
    ("Patient?family:exact=Moreau", equals("name.family", "Moreau")),
    ("Patient?name:contains=ou", either(contains("name.family", "ou"), contains("name.given", "ou"))),
    ("Patient?birthdate=lt1950", dated("birthDate", "lt", "1950")),
    (
        "Patient?birthdate=ge2008-11-01&gender=female",
        dated("birthDate", "ge", "2008-11-01"),
        coded("gender", "female"),
    ),
    ("Patient?gender=male,female", ALL),
    ("Patient?address-city=villeurbanne", begins("address.city", "Villeurbanne")),
    (
        "Patient?general-practitioner=Practitioner/dmp-mg-lyon",
        refers("generalPractitioner", "Practitioner/dmp-mg-lyon"),
    ),
    ("RelatedPerson?patient=dmp-0003", refers("patient", THIRD)),
    ("Coverage?beneficiary=Patient/dmp-0001", refers("beneficiary", FIRST)),
    # Who treats
    (f"Practitioner?identifier={RPPS}|99900000011", coded("identifier", "99900000011", RPPS)),
    (f"PractitionerRole?specialty={SPECIALTY}|SM26", coded("specialty", "SM26", SPECIALTY)),
    ("PractitionerRole?practitioner=dmp-mg-lyon", refers("practitioner", "Practitioner/dmp-mg-lyon")),
    ("Organization?name=maison", begins("name", "maison")),
    ("CareTeam?participant=Practitioner/dmp-mg-aix", refers("participant.member", "Practitioner/dmp-mg-aix")),
    # What has he got
    ("Condition?patient=dmp-0001", refers("subject", FIRST)),
    (
        "Condition?patient=Patient/dmp-0002&clinical-status=active",
        refers("subject", SECOND),
        coded("clinicalStatus", "active"),
    ),
    (f"Condition?code={ICD_10}|I10", coded("code", "I10", ICD_10)),
    (
        "Condition?clinical-status=resolved,remission",
        either(coded("clinicalStatus", "resolved"), coded("clinicalStatus", "remission")),
    ),
    ("Condition?clinical-status:not=active", negated(coded("clinicalStatus", "active"))),
    ("Condition?onset-date=lt2000", dated("onsetDateTime", "lt", "2000")),
    ("Condition?abatement-date:missing=false", present("abatementDateTime")),
    (
        "AllergyIntolerance?patient=dmp-0003&criticality=low",
        refers("patient", THIRD),
        equals("criticality", "low"),
    ),
    ("AllergyIntolerance?criticality=high", equals("criticality", "high")),
    (
        "AllergyIntolerance?category=medication,food",
        either(equals("category", "medication"), equals("category", "food")),
    ),
    ("FamilyMemberHistory?relationship=MTH", coded("relationship", "MTH")),
    (f"FamilyMemberHistory?code={ICD_10}|E11.9", coded("condition.code", "E11.9", ICD_10)),
    (
        "Procedure?patient=dmp-0001&date=ge2019",
        refers("subject", FIRST),
        dated("performedDateTime", "ge", "2019"),
    ),
    ("Procedure?code=BFGA004", coded("code", "BFGA004")),
    # What was measured
    (
        f"Observation?patient=dmp-0001&code={LOINC}|29463-7",
        refers("subject", FIRST),
        coded("code", "29463-7", LOINC),
    ),
    (
        f"Observation?patient=dmp-0001&category={CATEGORY}|laboratory",
        refers("subject", FIRST),
        coded("category", "laboratory", CATEGORY),
    ),
    (
        "Observation?category=vital-signs&date=ge2026-01-01&date=lt2026-07-01",
        coded("category", "vital-signs"),
        dated("effectiveDateTime", "ge", "2026-01-01"),
        dated("effectiveDateTime", "lt", "2026-07-01"),
    ),
    ("Observation?date=2026-09", dated("effectiveDateTime", "eq", "2026-09")),
    ("Observation?date=eb2020-01-01", dated("effectiveDateTime", "eb", "2020-01-01")),
    (
        f"Observation?code={LOINC}|85354-9,{LOINC}|8867-4&subject=Patient/dmp-0002",
        either(coded("code", "85354-9", LOINC), coded("code", "8867-4", LOINC)),
        refers("subject", SECOND),
    ),
    (
        f"Observation?code=29463-7&value-quantity=gt80|{UCUM}|kg",
        coded("code", "29463-7"),
        amount("valueQuantity", "kg", lambda v: v > 80),
    ),
    (
        f"Observation?code=29463-7&value-quantity=lt5000|{UCUM}|g",
        coded("code", "29463-7"),
        amount("valueQuantity", "kg", lambda v: v < 5),
    ),
    (
        f"Observation?component-code=8480-6&component-value-quantity=ge140|{UCUM}|mm[Hg]&patient=dmp-0001",
        refers("subject", FIRST),
        coded("component.code", "8480-6"),
        amount("component.valueQuantity", "mm[Hg]", lambda v: v >= 140),
    ),
    (
        f"Observation?code-value-quantity={LOINC}|718-7$lt12|{UCUM}|g/dL",
        coded("code", "718-7", LOINC),
        amount("valueQuantity", "g/dL", lambda v: v < 12),
    ),
    ("DiagnosticReport?patient=dmp-0001&category=LAB", refers("subject", FIRST), coded("category", "LAB")),
    (
        "DiagnosticReport?date=sa2026-01-01&category=RAD",
        dated("effectiveDateTime", "sa", "2026-01-01"),
        coded("category", "RAD"),
    ),
    ("ImagingStudy?modality=MG", coded("modality", "MG")),
    ("ImagingStudy?started=le2024-12-31", dated("started", "le", "2024-12-31")),
    # What does he take
    (
        "MedicationStatement?subject=Patient/dmp-0001&status=active",
        refers("subject", FIRST),
        equals("status", "active"),
    ),
    (f"MedicationStatement?code={ATC}|C09AA04", coded("medicationCodeableConcept", "C09AA04", ATC)),
    ("MedicationStatement?effective=ge2026-10-31", dated("effectivePeriod", "ge", "2026-10-31")),
    (
        "MedicationRequest?patient=dmp-0003&authoredon=2026-08-04",
        refers("subject", THIRD),
        dated("authoredOn", "eq", "2026-08-04"),
    ),
    (
        "MedicationRequest?intent=order&requester=Practitioner/dmp-sage-femme",
        equals("intent", "order"),
        refers("requester", "Practitioner/dmp-sage-femme"),
    ),
    ("MedicationDispense?whenhandedover=gt2026-10-01", dated("whenHandedOver", "gt", "2026-10-01")),
    (
        f"Immunization?vaccine-code={ATC}|J07BB02&date=ge2025-09",
        coded("vaccineCode", "J07BB02", ATC),
        dated("occurrenceDateTime", "ge", "2025-09"),
    ),
    (
        "Immunization?patient=dmp-0006,dmp-0008",
        either(refers("patient", "Patient/dmp-0006"), refers("patient", "Patient/dmp-0008")),
    ),
    # What was written, when did he come
    (
        "DocumentReference?patient=dmp-0001&status=current",
        refers("subject", FIRST),
        equals("status", "current"),
    ),
    ("DocumentReference?status=superseded", equals("status", "superseded")),
    (
        f"DocumentReference?category={CLASS}|42&date=ge2026-08-01",
        coded("category", "42", CLASS),
        dated("date", "ge", "2026-08-01"),
    ),
    (f"DocumentReference?type={LOINC}|11488-4", coded("type", "11488-4", LOINC)),
    (
        "DocumentReference?author=PractitionerRole/dmp-mg-lyon",
        refers("author", "PractitionerRole/dmp-mg-lyon"),
    ),
    (
        "DocumentReference?security-label=N&patient=dmp-0002",
        coded("securityLabel", "N"),
        refers("subject", SECOND),
    ),
    ("Composition?title=synthese", begins("title", "synthèse")),
    ("Encounter?class=EMER", coded("class", "EMER")),
    ("Encounter?patient=dmp-0002&date=ge2025", refers("subject", SECOND), dated("period", "ge", "2025")),
    ("Appointment?status=booked&date=lt2027", equals("status", "booked"), dated("start", "lt", "2027")),
    ("Appointment?actor=Patient/dmp-0001", refers("participant.actor", FIRST)),
    ("Consent?patient=dmp-0001&status=active", refers("patient", FIRST), equals("status", "active")),
    ("Consent?category=acd", coded("category", "acd")),
    (
        "ExplanationOfBenefit?created=ge2026-09-01&created=le2026-09-30",
        dated("created", "ge", "2026-09-01"),
        dated("created", "le", "2026-09-30"),
    ),
]
"""(search, conditions that all hold for what is found)."""
