"""Patient, RelatedPerson and Coverage: identity as FR Core has it, entourage, health insurance.

https://hl7.fr/ig/fhir/core — identity status QUAL or VALI, birth place with its official geographic code.
"""

from __future__ import annotations

from typing import Any

from seed_data import directory, ins
from seed_data.codes import OURS, coding, concept
from seed_data.record import Record, french_date

CORE = "https://hl7.fr/ig/fhir/core/"
GENDER = {"M": "male", "F": "female"}
Row = dict[str, str]
Story = dict[str, Any]


def _extensions(row: Row, story: Story) -> list[dict[str, Any]]:
    status = coding(f"{CORE}CodeSystem/fr-core-cs-identity-status", story.get("identity", "QUAL"))
    insee = {"url": f"{CORE}StructureDefinition/fr-core-address-insee-code"}
    place = {"extension": [insee | {"valueCoding": coding("R13", row["insee"])}], "city": row["birth_city"]}
    return [
        {
            "url": f"{CORE}StructureDefinition/fr-core-identity-reliability",
            "extension": [{"url": "identityStatus", "valueCoding": status}],
        },
        {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": place},
    ]


def _names(row: Row) -> list[dict[str, Any]]:
    given_names = {
        "url": f"{CORE}StructureDefinition/fr-core-patient-birth-list-given-name",
        "valueString": row["all_given"],
    }
    official = {"use": "official", "family": row["family"], "given": [row["given"]]}
    names: list[dict[str, Any]] = [{"extension": [given_names]} | official]
    if row["usual"]:
        names.append({"use": "usual", "family": row["usual"], "given": [row["given"]]})
    return names


def _telecom(row: Row) -> list[dict[str, str]]:
    use = "mobile" if row["phone"].startswith("06") else "home"
    return [
        {"system": "phone", "value": row["phone"], "use": use},
        {"system": "email", "value": row["email"]},
    ]


def patient(record: Record, row: Row, story: Story) -> None:
    number = ins.matricule(row["sex"], row["birth_date"], row["insee"], row["order"])
    kind = {"coding": [coding("FR203", "INS-NIR-TEST")], "text": "Matricule INS de test"}
    record.add(
        "Patient",
        "",
        f"{row['given']} {row['usual'] or row['family']}, {french_date(row['birth_date'])}",
        extension=_extensions(row, story),
        identifier=[{"use": "official", "type": kind, "system": ins.TEST_SYSTEM, "value": number}],
        active=True,
        name=_names(row),
        telecom=_telecom(row),
        gender=GENDER[row["sex"]],
        birthDate=row["birth_date"],
        deceasedBoolean=False,
        address=[
            {"use": "home", "line": [row["line"]], "city": row["city"], "postalCode": row["postal_code"]}
        ],
        maritalStatus=story.get("marital") and concept("", "", text=story["marital"]),
        communication=[{"language": {"coding": [coding("urn:ietf:bcp:47", "fr-FR")], "text": "Français"}}],
        generalPractitioner=[directory.practitioner(story["gp"])],
        managingOrganization=directory.organization("cnam"),
    )


def relatives(record: Record, row: Row, story: Story) -> None:
    """(key, roles of the contact, kinship code, kinship, given, family, phone)."""
    for key, roles, kinship, text, given, family, phone in story.get("relatives", []):
        relationship = [concept("ROLE", kinship, text=text)]
        relationship += [concept(f"{OURS}dmp-contact", code) for code in roles]
        record.add(
            "RelatedPerson",
            f"proche-{key}",
            f"{given} {family} ({text})",
            active=True,
            patient=record.reference("Patient", ""),
            relationship=relationship,
            name=[{"use": "usual", "family": family, "given": [given]}],
            telecom=[{"system": "phone", "value": phone, "use": "mobile"}],
        )


def coverage(record: Record, row: Row, story: Story) -> None:
    record.add(
        "Coverage",
        "assurance",
        f"Assurance maladie obligatoire de {row['given']} {row['family']}",
        status="active",
        type={"coding": [coding("ACT", "PUBLICPOL")], "text": "Assurance maladie obligatoire"},
        beneficiary=record.reference("Patient", ""),
        relationship=story.get("minor") and {"text": "Ayant droit"},
        period={"start": row["birth_date"]},
        payor=[directory.organization("cnam")],
    )
