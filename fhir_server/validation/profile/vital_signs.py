"""Observations that must follow a profile because of their code: the vital signs.

https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

from __future__ import annotations

from fhir_server.fhir import Resource

_LOINC = "http://loinc.org"
_PREFIX = "http://hl7.org/fhir/StructureDefinition/"
_PROFILES = {
    "85353-1": "vitalspanel",
    "9279-1": "resprate",
    "8867-4": "heartrate",
    "2708-6": "oxygensat",
    "8310-5": "bodytemp",
    "8302-2": "bodyheight",
    "9843-4": "headcircum",
    "29463-7": "bodyweight",
    "39156-5": "bmi",
    "85354-9": "bp",
}


def implied_profiles(resource: Resource) -> list[str]:
    """Returns the profiles that the code of an Observation asks for."""
    if resource.get("resourceType") != "Observation":
        return []
    code = resource.get("code")
    codings = code.get("coding") if isinstance(code, dict) else None
    return [
        _PREFIX + _PROFILES[str(coding["code"])]
        for coding in (codings if isinstance(codings, list) else ())
        if isinstance(coding, dict)
        and coding.get("system") == _LOINC
        and str(coding.get("code")) in _PROFILES
    ]
