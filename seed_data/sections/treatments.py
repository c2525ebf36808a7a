"""MedicationStatement, MedicationRequest, MedicationDispense and Immunization."""

from __future__ import annotations

from typing import Any

from seed_data import directory
from seed_data.codes import catalogue, concept
from seed_data.record import Record, french_date, moment
from seed_data.sections.documents import document

Row = dict[str, str]
Story = dict[str, Any]


def _medication(key: str) -> dict[str, Any]:
    row = catalogue("medications")[key]
    return concept("ATC", row["atc"], row["name"])


def _dosage(key: str, text: str) -> list[dict[str, Any]]:
    return [{"text": text, "route": {"text": f"Voie {catalogue('medications')[key]['route']}"}}]


def statements(record: Record, _row: Row, story: Story) -> None:
    """(medication, start, end, dosage, disease)."""
    for key, start, end, dosage, disease in story.get("treatments", []):
        name = catalogue("medications")[key]["name"]
        reason = record.reference("Condition", f"maladie-{disease}") if disease else None
        record.add(
            "MedicationStatement",
            f"traitement-{key}",
            f"{name} : {dosage}",
            status="completed" if end else "active",
            medicationCodeableConcept=_medication(key),
            subject=record.reference("Patient", ""),
            effectivePeriod={"start": start} | ({"end": end} if end else {}),
            dateAsserted=end or start,
            informationSource=directory.practitioner(story["gp"]),
            reasonReference=[reason] if reason else [],
            dosage=_dosage(key, dosage),
        )


def _request(record: Record, group: str, line: tuple[str, str, int], date: str, who: str) -> dict[str, str]:
    key, dosage, days = line
    return record.add(
        "MedicationRequest",
        f"prescription-{date}-{key}",
        f"{catalogue('medications')[key]['name']} : {dosage}, {days} jours",
        status="completed",
        intent="order",
        medicationCodeableConcept=_medication(key),
        subject=record.reference("Patient", ""),
        authoredOn=date,
        requester=directory.practitioner(who),
        groupIdentifier={"system": "urn:ietf:rfc:3986", "value": group},
        dosageInstruction=_dosage(key, dosage),
        dispenseRequest={"expectedSupplyDuration": _days(days)},
    )


def _days(days: int) -> dict[str, Any]:
    return {"value": days, "unit": "jours", "system": "http://unitsofmeasure.org", "code": "d"}


def _dispense(record: Record, request: dict[str, str], line: tuple[str, str, int], date: str) -> None:
    key, dosage, days = line
    record.add(
        "MedicationDispense",
        f"dispensation-{date}-{key}",
        f"Dispensation du {french_date(date)} : {catalogue('medications')[key]['name']}",
        status="completed",
        medicationCodeableConcept=_medication(key),
        subject=record.reference("Patient", ""),
        performer=[{"actor": directory.practitioner("pharmacien")}],
        authorizingPrescription=[request],
        daysSupply=_days(days),
        whenHandedOver=moment(date, "17:30"),
        dosageInstruction=_dosage(key, dosage),
        substitution={"wasSubstituted": False},
    )


def prescriptions(record: Record, _row: Row, story: Story) -> None:
    """(date, prescriber, date of dispensing, [(medication, dosage, days)]): resources and the document."""
    for date, who, handed_over, lines in story.get("prescriptions", []):
        group = f"urn:dmp-fhir:{record.prefix}:prescription:{date}"
        requests = [_request(record, group, line, date, who) for line in lines]
        for request, line in zip(requests, lines, strict=True):
            if handed_over:
                _dispense(record, request, line, handed_over)
        names = catalogue("medications")
        text = [f"- {names[key]['name']} : {dosage}, pendant {days} jours" for key, dosage, days in lines]
        document(
            record,
            {
                "key": f"ordonnance-{date}",
                "type": "57833-6",
                "title": "Ordonnance de médicaments",
                "date": date,
                "author": who,
                "lines": text,
                "pdf": True,
                "related": requests,
            },
        )


def immunizations(record: Record, _row: Row, story: Story) -> None:
    """(vaccine, date, dose, lot, practitioner); the document is the history of all of them."""
    lines = []
    for key, date, dose, lot, who in story.get("vaccines", []):
        row = catalogue("vaccines")[key]
        lines.append(f"- {french_date(date)} : {row['name']}, dose {dose}, lot {lot}")
        record.add(
            "Immunization",
            f"vaccin-{key}-{date}",
            f"{row['name']} le {french_date(date)} (dose {dose})",
            status="completed",
            vaccineCode=concept("ATC", row["atc"], row["name"]),
            patient=record.reference("Patient", ""),
            occurrenceDateTime=date,
            primarySource=True,
            lotNumber=lot,
            performer=[{"actor": directory.practitioner(who)}],
            protocolApplied=[{"targetDisease": [{"text": row["disease"]}], "doseNumberPositiveInt": dose}],
        )
    if lines:
        last = max(date for _key, date, *_rest in story["vaccines"])
        history = {"key": "vaccinations", "type": "11369-6", "title": "Historique des vaccinations"}
        document(record, history | {"date": last, "author": story["gp"], "lines": lines})
