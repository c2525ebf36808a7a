"""The kind of a resource for the habilitations: the type code of a document, else its resource type.

JDV_J66-TypeCode-DMP; docs/security/habilitations.md
"""

from __future__ import annotations

from typing import Any

from fhir_server.fhir import Resource

_TYPE_SYSTEMS = frozenset(
    {
        "http://loinc.org",
        "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire",
    }
)
_TYPE_ELEMENTS = {"DocumentReference": "type", "Composition": "type", "DiagnosticReport": "code"}
_REPORTS = frozenset({"11502-2", "18748-4", "60568-3", "11526-1", "51969-4"})
"""Document types whose content a DiagnosticReport states."""


def kind_of(resource: Resource) -> str:
    """Returns a type code, type:<ResourceType>, or "" for what no table can name.

    A document of two types is of none: else who may read the one would read the other.
    """
    resource_type = str(resource.get("resourceType"))
    if resource_type == "Binary":
        return ""
    element = _TYPE_ELEMENTS.get(resource_type)
    if element is None:
        return f"type:{resource_type}"
    codes = _codes(resource.get(element))
    if resource_type == "DiagnosticReport":
        reports = [code for code in codes if code in _REPORTS]
        if len(reports) > 1:
            return ""
        return reports[0] if reports else "type:DiagnosticReport"
    return codes[0] if len(codes) == 1 else ""


def _codes(concept: Any) -> list[str]:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    found = [
        coding["code"]
        for coding in (codings if isinstance(codings, list) else [])
        if isinstance(coding, dict)
        and isinstance(coding.get("system"), str)
        and coding["system"] in _TYPE_SYSTEMS
        and isinstance(coding.get("code"), str)
        and ":" not in coding["code"]  # type:Observation is no type of document
    ]
    return list(dict.fromkeys(found))
