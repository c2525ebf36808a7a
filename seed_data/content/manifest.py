"""The manifest: files in loading order, demonstration accounts, SMART clients."""

from __future__ import annotations

from typing import Any

from seed_data.codes import catalogue

HOLDERS = {"francoise.moreau": 1, "jp.lefevre": 2, "nadia.benali": 3, "ange.casanova": 4, "mt.hoarau": 5}
PARENTS = {"parent.petit": (6, "pere", "Antoine Petit"), "parent.rousseau": (7, "mere", "Gaëlle Rousseau")}
PROFESSIONALS = ("mg-lyon", "cardio", "sage-femme", "infirmier", "pharmacien", "biologiste", "urgentiste")

CLIENTS: list[dict[str, Any]] = [
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


def _holder(login: str, number: int) -> dict[str, str]:
    row = catalogue("patients")[str(number)]
    patient = f"Patient/dmp-{number:04d}"
    name = f"{row['given']} {row['usual'] or row['family']}"
    return {"login": login, "name": name, "role": "patient", "fhirUser": patient, "patient": patient}


def _parent(login: str, number: int, key: str, name: str) -> dict[str, str]:
    person = f"RelatedPerson/dmp-{number:04d}-proche-{key}"
    patient = f"Patient/dmp-{number:04d}"
    return {"login": login, "name": name, "role": "patient", "fhirUser": person, "patient": patient}


def _professional(key: str) -> dict[str, str]:
    row = catalogue("practitioners")[key]
    name = " ".join(part for part in (row["prefix"], row["given"], row["family"]) if part)
    return {"login": key, "name": name, "role": "professional", "fhirUser": f"Practitioner/dmp-{key}"}


def manifest(files: list[str]) -> dict[str, Any]:
    """Without a password: the demonstration sets its own."""
    accounts = [_holder(login, number) for login, number in HOLDERS.items()]
    accounts += [_parent(login, *rest) for login, rest in PARENTS.items()]
    accounts += [_professional(key) for key in PROFESSIONALS]
    accounts.append({"login": "admin", "name": "Administrateur de démonstration", "role": "admin"})
    return {
        "$schema": "manifest.schema.json",
        "title": "Données fictives de démonstration du DMP",
        "as_of": "2026-10-31",
        "files": files,
        "accounts": accounts,
        "clients": CLIENTS,
    }
