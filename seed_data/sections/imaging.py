"""ImagingStudy, its DiagnosticReport and the report as a document. https://hl7.org/fhir/R4/imagingstudy.html"""

from __future__ import annotations

import uuid
from typing import Any

from seed_data import directory
from seed_data.codes import catalogue, coding, concept, hl7
from seed_data.record import NAMESPACE, Record, french_date, moment
from seed_data.sections.documents import document

Row = dict[str, str]
Story = dict[str, Any]


def _uid(*parts: str) -> str:
    """A DICOM UID under 2.25, the arc of UUIDs."""
    return f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(parts)).int}"


def _study(record: Record, exam: Row, date: str, who: str, reason: str) -> dict[str, str]:
    uid = _uid(record.prefix, exam["key"], date)
    instance = {
        "uid": _uid(uid, "1", "1"),
        "sopClass": coding("urn:ietf:rfc:3986", f"urn:oid:{exam['sop_class']}", exam["sop_display"]),
        "number": 1,
    }
    series = {
        "uid": _uid(uid, "1"),
        "number": 1,
        "modality": coding("DICOM", exam["modality"], exam["modality_display"]),
        "description": exam["display"],
        "numberOfInstances": 1,
        "started": moment(date, "10:40"),
        "instance": [instance],
    }
    return record.add(
        "ImagingStudy",
        f"imagerie-{exam['key']}-{date}",
        f"{exam['display']} du {french_date(date)}",
        identifier=[{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}],
        status="available",
        modality=[coding("DICOM", exam["modality"], exam["modality_display"])],
        subject=record.reference("Patient", ""),
        started=moment(date, "10:40"),
        interpreter=[directory.practitioner(who)],
        numberOfSeries=1,
        numberOfInstances=1,
        procedureCode=[concept("LOINC", exam["loinc"], exam["display"])],
        reasonCode=[{"text": reason}],
        description=f"{exam['display']} ({exam['body']})",
        series=[series],
    )


def imaging(record: Record, _row: Row, story: Story) -> None:
    """(examination, date, practitioner, reason, conclusion)."""
    for key, date, who, reason, conclusion in story.get("imaging", []):
        exam = catalogue("imaging")[key]
        study = _study(record, exam, date, who, reason)
        report = record.add(
            "DiagnosticReport",
            f"compte-rendu-imagerie-{key}-{date}",
            f"Compte rendu : {exam['display']} du {french_date(date)}",
            status="final",
            category=[hl7("v2-0074", "RAD")],
            code=concept("LOINC", exam["loinc"] or "18748-4", exam["display"] if exam["loinc"] else "")
            | {"text": exam["display"]},
            subject=record.reference("Patient", ""),
            effectiveDateTime=moment(date, "10:40"),
            issued=moment(date, "12:00"),
            performer=[directory.organization("radio")],
            resultsInterpreter=[directory.practitioner(who)],
            imagingStudy=[study],
            conclusion=conclusion,
        )
        heading = {
            "key": f"imagerie-{key}-{date}",
            "type": "18748-4",
            "title": f"CR d'imagerie : {exam['display']}",
        }
        text = {"lines": [f"Indication : {reason}", f"Conclusion : {conclusion}"], "related": [study, report]}
        document(record, heading | text | {"date": date, "author": who})
