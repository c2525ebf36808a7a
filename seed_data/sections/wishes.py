"""What the holder decides: Consent (emergency access, professionals, advance directives), organ donation.

Code de la santé publique L1111-11, L1111-17 I, R1111-46; Consent: https://hl7.org/fhir/R4/consent.html
"""

from __future__ import annotations

from typing import Any

from seed_data import directory
from seed_data.codes import OURS, coding, concept, hl7
from seed_data.record import Record, french_date, moment
from seed_data.sections.documents import document

Row = dict[str, str]
Story = dict[str, Any]

SWITCHES = {
    "ETREAT": (coding("REASON", "ETREAT"), "Accès du SAMU (centre de régulation)"),
    "BTG": (coding("REASON", "BTG"), "Accès des autres professionnels en urgence (bris de glace)"),
    "MASKED": (coding(f"{OURS}dmp-emergency-access", "MASKED"), "Lecture des documents masqués en urgence"),
}


TEMPLATES = {"ETREAT": "regulation", "BTG": "break-glass", "MASKED": "masked"}
OPENED = "2022-07-01"
"""When the records of all who were born were opened."""


def _policy(template: str) -> list[dict[str, str]]:
    """What makes a Consent one of the templates that the server compiles."""
    return [{"uri": f"https://dmp-fhir.example.org/fhir/Policy/dmp-{template}"}]


def _actor(reference: dict[str, str]) -> dict[str, Any]:
    return {"role": concept(*_recipient()), "reference": reference}


def opening(record: Record, row: Row, story: Story) -> None:
    """The record is open; the médecin traitant, the care team and who acts for the holder have access."""
    opened = max(OPENED, row["birth_date"])
    privacy = {
        "scope": hl7("consentscope", "patient-privacy"),
        "category": [concept("LOINC", "59284-0")],
    }
    state = {"coding": [{"system": f"{OURS}dmp-record-state", "code": "open"}]}
    record_open = {"policy": _policy("record"), "provision": {"type": "permit", "code": [state]}}
    _consent(record, "dossier", "Dossier ouvert", opened, "L1111-13-1", **privacy, **record_open)
    treating = directory.practitioner(story["gp"])
    _permit(record, "medecin-traitant", "treating", [treating], "L1111-16", opened)
    team = [directory.practitioner(key) for key in story.get("team", [])]
    if team:
        _permit(record, "equipe-de-soins", "care-team", team, "R1111-46", opened)
    for key, _roles, kinship, *_rest in story.get("relatives", []) if story.get("minor") else ():
        if kinship in ("FTH", "MTH"):
            parent = record.reference("RelatedPerson", f"proche-{key}")
            _permit(record, f"representant-{key}", "representative", [parent], "R1111-40", opened)
    for patient in story.get("caregivers", []):
        _permit(
            record,
            f"aidant-{patient}",
            "caregiver",
            [{"reference": f"Patient/{patient}"}],
            "R1111-40",
            opened,
        )


_TITLES = {
    "treating": "Médecin traitant du DMP",
    "care-team": "Équipe de soins autorisée",
    "representative": "Représentant légal",
    "caregiver": "Aidant",
}


def _permit(
    record: Record, key: str, template: str, actors: list[dict[str, str]], law: str, opened: str
) -> None:
    names = ", ".join(actor.get("display", actor["reference"]) for actor in actors)
    _consent(
        record,
        key,
        f"{_TITLES[template]} : {names}",
        opened,
        law,
        scope=hl7("consentscope", "patient-privacy"),
        category=[concept("LOINC", "59284-0")],
        policy=_policy(template),
        provision={
            "type": "permit",
            "period": {"start": opened},
            "actor": [_actor(actor) for actor in actors],
        },
    )


def _consent(record: Record, key: str, summary: str, date: str, law: str, **elements: Any) -> None:
    record.add(
        "Consent",
        f"volonte-{key}",
        summary,
        status="active",
        patient=record.reference("Patient", ""),
        dateTime=moment(date, "12:00"),
        performer=[record.reference("Patient", "")],
        organization=[directory.organization("cnam")],
        policyRule={"text": f"Code de la santé publique, article {law}"},
        **elements,
    )


def emergency(record: Record, _row: Row, story: Story) -> None:
    """(date, {switch: permit or deny}): always the three of them."""
    if "emergency" not in story:
        return
    date, choices = story["emergency"]
    for code, choice in choices.items():
        purpose, text = SWITCHES[code]
        _consent(
            record,
            f"urgence-{code.lower()}",
            f"{text} : {'autorisé' if choice == 'permit' else 'refusé'}",
            date,
            "L1111-17",
            scope=hl7("consentscope", "patient-privacy"),
            category=[hl7("consentcategorycodes", "emrgonly")],
            policy=_policy(f"emergency-{TEMPLATES[code]}"),
            provision={"type": choice, "purpose": [purpose]},
        )


def authorizations(record: Record, _row: Row, story: Story) -> None:
    """(practitioner, permit or deny, date, end)."""
    for who, choice, date, end in story.get("authorizations", []):
        actor = _actor(directory.practitioner(who))
        name = directory.practitioner(who)["display"]
        period = {"period": {"start": date} | ({"end": end} if end else {})}
        _consent(
            record,
            f"acces-{who}",
            f"Accès au DMP {'autorisé à' if choice == 'permit' else 'bloqué pour'} {name}",
            date,
            "R1111-46",
            scope=hl7("consentscope", "patient-privacy"),
            category=[concept("LOINC", "59284-0")],
            policy=_policy("authorisation" if choice == "permit" else "block"),
            # A block holds until it is withdrawn.
            provision={"type": choice, "actor": [actor]} | (period if choice == "permit" else {}),
        )


def _recipient() -> tuple[str, str, str]:
    url = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    return url, "IRCP", "Destinataire de l'information"


def advance_directives(record: Record, _row: Row, story: Story) -> None:
    """(date, lines): the Consent and the document that it points to."""
    if "directives" not in story:
        return
    date, lines = story["directives"]
    heading = {"key": "directives-anticipees", "type": "EXPPAT_3", "title": "Directives anticipées"}
    text = {"date": date, "author": "patient", "lines": lines, "pdf": True, "binary": True}
    _consent(
        record,
        "directives-anticipees",
        f"Directives anticipées du {french_date(date)}",
        date,
        "L1111-11",
        scope=hl7("consentscope", "adr"),
        category=[hl7("consentcategorycodes", "acd")],
        sourceReference=document(record, heading | text),
    )


def organ_donation(record: Record, row: Row, story: Story) -> None:
    """The record only keeps that the holder was informed; refusal is in the national register."""
    if "organ_donation" not in story:
        return
    date = story["organ_donation"]
    code = concept(f"{OURS}dmp-declaration", "organ-donation-informed")
    record.add(
        "Observation",
        "don-organes",
        f"Informé des règles du don d'organes le {french_date(date)}",
        status="final",
        category=[hl7("observation-category", "social-history")],
        code=code,
        subject=record.reference("Patient", ""),
        effectiveDateTime=date,
        performer=[record.reference("Patient", "")],
        valueBoolean=True,
    )
    lines = ["Je déclare avoir été informé(e) des règles du don d'organes et de tissus."]
    for key, *_rest in story.get("relatives", []):
        lines.append(f"Contact : {record.reference('RelatedPerson', f'proche-{key}')['display']}")
    heading = {"key": "volontes-et-droits", "type": "EXPPAT_1", "title": "Volontés et droits"}
    document(record, heading | {"date": date, "author": "patient", "lines": lines})
