"""Vital signs and laboratory results: Observation, DiagnosticReport and the report as a document.

https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

from __future__ import annotations

from typing import Any

from seed_data import directory
from seed_data.codes import catalogue, concept, hl7, quantity
from seed_data.record import Record, french_date, moment
from seed_data.sections.documents import document

Row = dict[str, str]
Story = dict[str, Any]

SIMPLE_SIGNS = {
    "weight": ("poids", "29463-7", "Poids", "kg", "kg"),
    "height": ("taille", "8302-2", "Taille", "cm", "cm"),
    "pulse": ("pouls", "8867-4", "Fréquence cardiaque", "/min", "/min"),
    "temperature": ("temperature", "8310-5", "Température", "°C", "Cel"),
    "head": ("perimetre-cranien", "9843-4", "Périmètre crânien", "cm", "cm"),
    "saturation": ("saturation", "2708-6", "Saturation en oxygène", "%", "%"),
}


def _sign(record: Record, name: str, code: dict[str, Any], date: str, summary: str, **value: Any) -> None:
    record.add(
        "Observation",
        f"mesure-{name}-{date}",
        f"{summary} le {french_date(date)}",
        status="final",
        category=[hl7("observation-category", "vital-signs")],
        code=code,
        subject=record.reference("Patient", ""),
        effectiveDateTime=moment(date, "09:30"),
        **value,
    )


def _blood_pressure(record: Record, date: str, systolic: int, diastolic: int) -> None:
    parts = (("8480-6", "Pression systolique", systolic), ("8462-4", "Pression diastolique", diastolic))
    _sign(
        record,
        "tension",
        concept("LOINC", "85354-9", "Pression artérielle"),
        date,
        f"Pression artérielle {systolic}/{diastolic} mmHg",
        component=[
            {"code": concept("LOINC", code, display), "valueQuantity": quantity(value, "mmHg", "mm[Hg]")}
            for code, display, value in parts
        ],
    )


def vital_signs(record: Record, _row: Row, story: Story) -> None:
    """(date, {weight, height, pulse, temperature, head, saturation, blood_pressure})."""
    for date, signs in story.get("vitals", []):
        for key, value in signs.items():
            if key == "blood_pressure":
                _blood_pressure(record, date, *value)
                continue
            name, code, display, unit, ucum = SIMPLE_SIGNS[key]
            text = f"{display} {value} {unit}"
            amount = quantity(value, unit, ucum)
            _sign(record, name, concept("LOINC", code, display), date, text, valueQuantity=amount)


def _bounds(test: Row, sex: str) -> tuple[float | None, float | None]:
    kind = "male" if sex == "M" else "female"
    low, high = test[f"{kind}_low"], test[f"{kind}_high"]
    return (float(low) if low else None), (float(high) if high else None)


def _interpretation(value: float, low: float | None, high: float | None) -> str:
    if low is not None and value < low:
        return "L"
    return "H" if high is not None and value > high else "N"


def _number(value: float) -> float | int:
    """Without the .0 of a whole number."""
    return int(value) if value == int(value) else value


def _result(record: Record, sex: str, date: str, key: str, value: float) -> tuple[dict[str, str], str]:
    test = catalogue("laboratory")[key]
    low, high = _bounds(test, sex)
    mark = _interpretation(value, low, high)
    limits = {
        side: quantity(_number(bound), test["unit"], test["code"])
        for side, bound in (("low", low), ("high", high))
        if bound is not None
    }
    summary = f"{test['display']} : {value} {test['unit']}"
    reference = record.add(
        "Observation",
        f"biologie-{key}-{date}",
        f"{summary} ({french_date(date)})",
        status="final",
        category=[hl7("observation-category", "laboratory")],
        code=concept("LOINC", test["loinc"], test["display"]),
        subject=record.reference("Patient", ""),
        effectiveDateTime=moment(date, "07:45"),
        issued=moment(date, "15:00"),
        performer=[directory.practitioner("biologiste"), directory.organization("labo")],
        valueQuantity=quantity(value, test["unit"], test["code"]),
        interpretation=[hl7("v3-ObservationInterpretation", mark)],
        referenceRange=[limits] if limits else [],
    )
    flag = {"N": "", "H": "  (élevé)", "L": "  (bas)"}[mark]
    return reference, f"{summary}{flag}"


def laboratory(record: Record, row: Row, story: Story) -> None:
    """(date, prescriber, conclusion, {test: value})."""
    for date, who, conclusion, values in story.get("labs", []):
        results = [_result(record, row["sex"], date, key, value) for key, value in values.items()]
        report = record.add(
            "DiagnosticReport",
            f"compte-rendu-biologie-{date}",
            f"Compte rendu d'examens biologiques du {french_date(date)}",
            status="final",
            category=[hl7("v2-0074", "LAB")],
            code=concept("LOINC", "11502-2", "CR d'examens biologiques"),
            subject=record.reference("Patient", ""),
            effectiveDateTime=moment(date, "07:45"),
            issued=moment(date, "15:00"),
            performer=[directory.organization("labo")],
            resultsInterpreter=[directory.practitioner("biologiste")],
            result=[reference for reference, _line in results],
            conclusion=conclusion,
        )
        lines = [line for _reference, line in results] + ["", f"Conclusion : {conclusion}"]
        lines.append(f"Prescripteur : {directory.practitioner(who)['display']}")
        heading = {"key": f"biologie-{date}", "type": "11502-2", "title": "CR d'examens biologiques"}
        document(
            record, heading | {"date": date, "author": "biologiste", "lines": lines, "related": [report]}
        )
