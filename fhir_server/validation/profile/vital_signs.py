"""Observations that must follow a profile because of their code: the vital signs.

https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

from __future__ import annotations

import re

from fhir_server.definitions.element_tree import ElementNode
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


_URLS = frozenset(_PREFIX + name for name in _PROFILES.values())


def read_tree(canonical: str, tree: ElementNode) -> ElementNode:
    """Returns the tree of a profile; in those of vital signs fixed values are patterns.

    Their authors need not name these profiles: an extension beside a code does not make it another sign.
    """
    return _with_patterns(tree) if canonical in _URLS else tree


def _with_patterns(node: ElementNode) -> ElementNode:
    facts = {re.sub("^fixed(?=[A-Z])", "pattern", key): value for key, value in node.facts.items()}
    children = {name: _with_patterns(child) for name, child in node.children.items()}
    slices = {name: _with_patterns(one) for name, one in node.slices.items()}
    return ElementNode(node.name, facts, node.slice, children, slices)


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
