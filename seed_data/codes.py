"""Code systems by short name, codings, the catalogues of content/*.csv; displays come from profiles/."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROFILES = HERE.parent / "profiles"
NOS = "https://mos.esante.gouv.fr/NOS/"
HL7 = "http://terminology.hl7.org/CodeSystem/"
OURS = "https://dmp-fhir.example.org/fhir/CodeSystem/"

SYSTEMS = {
    "A00": f"{NOS}TRE_A00-ProducteurDocNonPS/FHIR/TRE-A00-ProducteurDocNonPS",
    "A01": f"{NOS}TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice",
    "A03": f"{NOS}TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument",
    "A05": f"{NOS}TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire",
    "A07": f"{NOS}TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument",
    "A11": f"{NOS}TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode",
    "G15": f"{NOS}TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante",
    "R02": f"{NOS}TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite",
    "R13": f"{NOS}TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM",
    "R38": f"{NOS}TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale",
    "ACT": f"{HL7}v3-ActCode",
    "REASON": f"{HL7}v3-ActReason",
    "ROLE": f"{HL7}v3-RoleCode",
    "CONF": f"{HL7}v3-Confidentiality",
    "LOINC": "http://loinc.org",
    "ICD10": "http://hl7.org/fhir/sid/icd-10",
    "ATC": "http://www.whocc.no/atc",
    "CCAM": "urn:oid:1.2.250.1.213.2.5",
    "UCUM": "http://unitsofmeasure.org",
    "DICOM": "http://dicom.nema.org/resources/ontology/DCM",
    "FR203": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203",
}


@cache
def catalogue(name: str) -> dict[str, dict[str, str]]:
    """A CSV of content/, by the value of its first column."""
    with (HERE / "content" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    first = next(iter(rows[0]))
    by_key = {row[first]: row for row in rows}
    if len(by_key) < len(rows):
        raise ValueError(f"content/{name}.csv has the same {first} twice")
    return by_key


@cache
def displays() -> dict[tuple[str, str], str]:
    """(system, code) → display, from the code systems and value sets of profiles/."""
    found: dict[tuple[str, str], str] = {}
    for path in sorted(PROFILES.glob("*.json")):
        artefact = json.loads(path.read_text(encoding="utf-8"))
        if artefact["resourceType"] == "CodeSystem":
            includes = [{"system": artefact["url"], "concept": artefact["concept"]}]
        else:
            includes = artefact.get("compose", {}).get("include", [])
        for include in includes:
            for concept in include.get("concept", []):
                if "display" in concept:
                    found[include["system"], concept["code"]] = concept["display"]
    return found


@cache
def classes() -> dict[str, str]:
    """Document type → class, from the ConceptMap."""
    path = PROFILES / "ConceptMap-dmp-document-type-to-class.json"
    groups = json.loads(path.read_text(encoding="utf-8"))["group"]
    return {e["code"]: e["target"][0]["code"] for group in groups for e in group["element"]}


def coding(system: str, code: str, display: str = "") -> dict[str, str]:
    """`system` is a short name of SYSTEMS or a URL."""
    url = SYSTEMS.get(system, system)
    display = display or displays().get((url, code), "")
    return {"system": url, "code": code, **({"display": display} if display else {})}


def concept(system: str, code: str, display: str = "", text: str = "") -> dict[str, Any]:
    """A CodeableConcept with one coding; a code that is empty leaves the text alone."""
    text = text or display
    codings = {"coding": [coding(system, code, display)]} if code else {}
    return {**codings, **({"text": text} if text else {})}


def hl7(table: str, code: str) -> dict[str, Any]:
    """A CodeableConcept of terminology.hl7.org."""
    return {"coding": [{"system": HL7 + table, "code": code}]}


def quantity(value: float, unit: str, code: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": SYSTEMS["UCUM"], "code": code}
