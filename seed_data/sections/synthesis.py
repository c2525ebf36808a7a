"""Synthèse médicale: a Composition of what the record already holds, and the same as a document.

Sections of the French synthesis (IPS-FR) by LOINC code; https://hl7.org/fhir/R4/composition.html
"""

from __future__ import annotations

from typing import Any

from seed_data import directory
from seed_data.codes import coding, concept, hl7
from seed_data.record import Record, french_date, moment, narrative
from seed_data.sections.documents import document

Row = dict[str, str]
Story = dict[str, Any]


def _status(resource: dict[str, Any]) -> str:
    return str(resource["clinicalStatus"]["coding"][0]["code"])


SECTIONS = (
    ("11450-4", "Pathologies en cours", "Condition", lambda r: _status(r) == "active"),
    ("11348-0", "Antécédents médicaux", "Condition", lambda r: _status(r) != "active"),
    ("47519-4", "Antécédents chirurgicaux et actes", "Procedure", lambda r: True),
    ("48765-2", "Allergies et intolérances", "AllergyIntolerance", lambda r: True),
    ("10160-0", "Traitements en cours", "MedicationStatement", lambda r: r["status"] == "active"),
    ("11369-6", "Vaccinations", "Immunization", lambda r: True),
    ("10157-6", "Antécédents familiaux", "FamilyMemberHistory", lambda r: True),
    ("42348-3", "Directives anticipées", "Consent", lambda r: r["scope"]["coding"][0]["code"] == "adr"),
)
"""(LOINC code, title, resource type, which of them)."""


def _section(record: Record, row: tuple[str, str, str, Any]) -> dict[str, Any]:
    code, title, resource_type, wanted = row
    found = [
        record.reference(resource_type, entry["resource"]["id"].removeprefix(f"{record.prefix}-"))
        for entry in record.entries
        if entry["resource"]["resourceType"] == resource_type and wanted(entry["resource"])
    ]
    section: dict[str, Any] = {"title": title, "code": concept("LOINC", code)}
    if not found:
        empty = hl7("list-empty-reason", "nilknown")
        return section | {"text": narrative("Néant connu"), "emptyReason": empty}
    return section | {"text": narrative(*(r["display"] for r in found)), "entry": found}


def _lines(sections: list[dict[str, Any]]) -> list[str]:
    lines = []
    for section in sections:
        lines.append(f"{section['title']} :")
        lines += [f"  - {entry['display']}"[:105] for entry in section.get("entry", [])] or [
            "  - néant connu"
        ]
    return lines


def synthesis(record: Record, row: Row, story: Story) -> None:
    """(date, points to watch)."""
    if "synthesis" not in story:
        return
    date, watch = story["synthesis"]
    sections = [_section(record, spec) for spec in SECTIONS]
    sections.append(
        {"title": "Points de vigilance", "code": concept("LOINC", "30954-2"), "text": narrative(watch)}
    )
    composition = record.add(
        "Composition",
        "synthese",
        f"Synthèse médicale de {row['given']} {row['family']} au {french_date(date)}",
        identifier={"system": "urn:ietf:rfc:3986", "value": f"urn:dmp-fhir:{record.prefix}:synthese"},
        status="final",
        type=concept("LOINC", "60591-5"),
        category=[{"coding": [coding("A03", "11")]}],
        subject=record.reference("Patient", ""),
        date=moment(date, "18:00"),
        author=[directory.role(story["gp"])],
        title="Synthèse médicale",
        confidentiality="N",
        attester=[
            {"mode": "professional", "time": moment(date, "18:00")} | {"party": directory.role(story["gp"])}
        ],
        custodian=directory.organization(directory.workplace(story["gp"])["key"]),
        section=sections,
    )
    heading = {"key": "synthese", "type": "60591-5", "title": "Synthèse médicale", "pdf": True}
    text = {"lines": [*_lines(sections), f"Points de vigilance : {watch}"], "related": [composition]}
    document(record, heading | text | {"date": date, "author": story["gp"]})
