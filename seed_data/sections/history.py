"""Condition, Procedure, FamilyMemberHistory, AllergyIntolerance: past and present illness."""

from __future__ import annotations

from typing import Any

from seed_data import directory
from seed_data.codes import catalogue, concept, hl7
from seed_data.record import Record, french_date

Row = dict[str, str]
Story = dict[str, Any]


def _disease(key: str) -> dict[str, Any]:
    row = catalogue("conditions")[key]
    return concept("ICD10", row["code"], row["display"])


def conditions(record: Record, _row: Row, story: Story) -> None:
    """(key, clinical status, onset, end, note)."""
    for key, status, onset, end, note in story.get("conditions", []):
        display = catalogue("conditions")[key]["display"]
        record.add(
            "Condition",
            f"maladie-{key}",
            f"{display} (depuis {french_date(onset)})",
            clinicalStatus=hl7("condition-clinical", status),
            verificationStatus=hl7("condition-ver-status", "confirmed"),
            category=[hl7("condition-category", "problem-list-item")],
            code=_disease(key),
            subject=record.reference("Patient", ""),
            onsetDateTime=onset,
            abatementDateTime=end,
            recordedDate=onset,
            asserter=directory.practitioner(story["gp"]),
            note=[{"text": note}] if note else [],
        )


def procedures(record: Record, _row: Row, story: Story) -> None:
    """(key, date, practitioner, note)."""
    for key, date, who, note in story.get("procedures", []):
        row = catalogue("procedures")[key]
        record.add(
            "Procedure",
            f"acte-{key}",
            f"{row['display']} le {french_date(date)}",
            status="completed",
            code=concept("CCAM", row["ccam"], row["display"]),
            subject=record.reference("Patient", ""),
            performedDateTime=date,
            performer=[{"actor": directory.practitioner(who)}],
            note=[{"text": note}] if note else [],
        )


def family(record: Record, _row: Row, story: Story) -> None:
    """(kinship code, kinship, disease, age at onset, note)."""
    for code, text, key, age, note in story.get("family", []):
        display = catalogue("conditions")[key]["display"]
        disease: dict[str, Any] = {"code": _disease(key)}
        if age:
            years = {"value": age, "unit": "ans", "system": "http://unitsofmeasure.org", "code": "a"}
            disease["onsetAge"] = years
        record.add(
            "FamilyMemberHistory",
            f"famille-{code.lower()}-{key}",
            f"{text} : {display}",
            status="completed",
            patient=record.reference("Patient", ""),
            relationship=concept("ROLE", code, text=text),
            condition=[disease],
            note=[{"text": note}] if note else [],
        )


def allergies(record: Record, _row: Row, story: Story) -> None:
    """(key, substance, category, criticality, date, reaction, severity); no row: none known."""
    if not story.get("allergies"):
        record.add(
            "AllergyIntolerance",
            "allergie-aucune",
            "Aucune allergie connue",
            clinicalStatus=hl7("allergyintolerance-clinical", "active"),
            verificationStatus=hl7("allergyintolerance-verification", "confirmed"),
            code={"text": "Aucune allergie connue"},
            patient=record.reference("Patient", ""),
        )
    for key, substance, category, criticality, date, reaction, severity in story.get("allergies", []):
        record.add(
            "AllergyIntolerance",
            f"allergie-{key}",
            f"Allergie : {substance} ({reaction})",
            clinicalStatus=hl7("allergyintolerance-clinical", "active"),
            verificationStatus=hl7("allergyintolerance-verification", "confirmed"),
            type="allergy",
            category=[category],
            criticality=criticality,
            code={"text": substance},
            patient=record.reference("Patient", ""),
            recordedDate=date,
            recorder=directory.practitioner(story["gp"]),
            reaction=[{"manifestation": [{"text": reaction}], "severity": severity}],
        )
