"""The manifest: files in loading order, demonstration accounts, SMART clients."""

from __future__ import annotations

from typing import Any

from seed_data.codes import SYSTEMS, catalogue, displays

HOLDERS = {
    "francoise.moreau": (1,),
    "jp.lefevre": (2,),
    "nadia.benali": (3,),
    "ange.casanova": (4,),
    "mt.hoarau": (5,),
    "jy.payet": (19, 5),
}
"""Login → the own record, then those for which the person has a mandate."""
PARENTS = {"parent.petit": (6, "pere", "Antoine Petit"), "parent.rousseau": (7, "mere", "Gaëlle Rousseau")}
PROFESSIONALS = ("mg-lyon", "cardio", "sage-femme", "infirmier", "pharmacien", "biologiste", "urgentiste")
ALSO_WORKS_AT = {"mg-lyon": ("hop-lyon",)}
SAMPLE_APP_SCOPES = (
    "openid fhirUser launch launch/patient offline_access patient/Patient.rs patient/Observation.rs "
    "patient/Condition.rs patient/MedicationRequest.rs patient/AllergyIntolerance.rs patient/Immunization.rs"
)

CLIENTS: list[dict[str, Any]] = [
    {
        "client_id": "demo-sample-app",
        "name": "Mon carnet (application d’exemple)",
        "type": "public",
        "redirect_uris": ["http://127.0.0.1/sample-app/"],
        "scopes": SAMPLE_APP_SCOPES.split(),
    },
    {
        "client_id": "demo-patient-app",
        "name": "Application patient de démonstration",
        "type": "public",
        "redirect_uris": ["http://127.0.0.1:8765/callback", "http://localhost:8765/callback"],
        "scopes": ["openid", "fhirUser", "launch/patient", "offline_access", "patient/*.rs"],
    },
    {
        "client_id": "demo-professional-app",
        "name": "Logiciel professionnel de démonstration",
        "type": "public",
        "redirect_uris": ["http://127.0.0.1:8766/callback"],
        "scopes": ["openid", "fhirUser", "launch", "user/*.rs", "user/DocumentReference.cruds"],
    },
    {
        "client_id": "demo-backend",
        "name": "Service d'arrière-plan de démonstration",
        "type": "confidential",
        "redirect_uris": [],
        "scopes": ["system/*.rs"],
    },
]


def _holder(login: str, number: int, *mandates: int) -> dict[str, Any]:
    row = catalogue("patients")[str(number)]
    records = [f"Patient/dmp-{one:04d}" for one in (number, *mandates)]
    name = f"{row['given']} {row['usual'] or row['family']}"
    return {"login": login, "name": name, "role": "patient", "fhirUser": records[0], "patients": records}


def _parent(login: str, number: int, key: str, name: str) -> dict[str, Any]:
    person = f"RelatedPerson/dmp-{number:04d}-proche-{key}"
    records = [f"Patient/dmp-{number:04d}"]
    return {"login": login, "name": name, "role": "representative", "fhirUser": person, "patients": records}


def _professional(key: str) -> dict[str, Any]:
    row = catalogue("practitioners")[key]
    name = " ".join(part for part in (row["prefix"], row["given"], row["family"]) if part)
    places = (row["organization"], *ALSO_WORKS_AT.get(key, ()))
    return {
        "login": key,
        "name": name,
        "role": "professional",
        "fhirUser": f"Practitioner/dmp-{key}",
        "rpps": row["rpps"],
        "activities": [_activity(row["profession"], place) for place in places],
    }


def _activity(profession: str, place: str) -> dict[str, str]:
    organization = catalogue("organizations")[place]
    return {
        "role": profession,
        "role_display": displays()[SYSTEMS["G15"], profession],
        "organization": f"Organization/dmp-{place}",
        "organization_display": f"{organization['name']}, {organization['city']}",
    }


def manifest(files: list[str]) -> dict[str, Any]:
    """Without a password: the demonstration sets its own."""
    accounts = [_holder(login, *numbers) for login, numbers in HOLDERS.items()]
    accounts += [_parent(login, *rest) for login, rest in PARENTS.items()]
    accounts += [_professional(key) for key in PROFESSIONALS]
    accounts.append({"login": "admin", "name": "Administrateur de démonstration", "role": "administrator"})
    return {
        "$schema": "manifest.schema.json",
        "title": "Données fictives de démonstration du DMP",
        "as_of": "2026-10-31",
        "files": files,
        "accounts": accounts,
        "clients": CLIENTS,
    }
