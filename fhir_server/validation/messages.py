"""The CodeSystem of our message ids, from their table: which rule it was that an issue speaks of.

https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.details
"""

from __future__ import annotations

import csv
import json
from functools import cache
from importlib import resources

from fhir_server.definitions.registry import Definitions, load_definitions
from fhir_server.fhir import Resource
from fhir_server.fhir.outcome import MESSAGES
from fhir_server.fhirpath.types import KINDS

INVARIANT = "invariant:"
PRIMITIVE = "primitive:"


@cache
def load_messages() -> dict[str, str]:
    """Returns the message ids that the code names, each with its sentence."""
    text = resources.files(__package__).joinpath("messages.csv").read_text(encoding="utf-8")
    return {row["code"]: row["display"] for row in csv.DictReader(text.splitlines())}


def _of_primitives(definitions: Definitions) -> dict[str, str]:
    structures = [
        structure for name in KINDS if (structure := definitions.structure_or_none(name)) is not None
    ]
    primitives = [structure.name for structure in structures if structure.is_primitive]
    return {f"{PRIMITIVE}{name}": f"A value is not what the type {name} needs." for name in primitives}


def _of_invariants(definitions: Definitions) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in definitions.invariant_paths:
        for invariant in definitions.invariants(path):
            found.setdefault(f"{INVARIANT}{invariant.key}", invariant.human)
    return found


def format_code_system() -> str:
    """Returns the file profiles/CodeSystem-validation-message.json."""
    return json.dumps(build_code_system(load_definitions()), ensure_ascii=False, indent=2) + "\n"


def build_code_system(definitions: Definitions) -> Resource:
    """Returns the CodeSystem; invariants of profiles follow its rule and are not listed."""
    found = {**load_messages(), **_of_primitives(definitions), **_of_invariants(definitions)}
    concepts = [{"code": code, "display": found[code]} for code in sorted(found)]
    return {
        "resourceType": "CodeSystem",
        "id": "validation-message",
        "url": MESSAGES,
        "version": "1.0.0",
        "name": "Validation_message",
        "title": "Messages de validation",
        "status": "active",
        "experimental": False,
        "date": "2026-11-26",
        "publisher": "Projet fhir-server-dmp",
        "description": "The rules that are named in OperationOutcome.issue.details: a word for what is "
        "looked at and one for what is wrong. An invariant is invariant: and its key; those of R4 are "
        "listed, those of other profiles follow the same grammar.",
        "jurisdiction": [{"coding": [{"system": "urn:iso:std:iso:3166", "code": "FR"}]}],
        "caseSensitive": True,
        "compositional": True,
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
    }
