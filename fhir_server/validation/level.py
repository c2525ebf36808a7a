"""How much of a resource is looked at. https://hl7.org/fhir/R4/validation.html"""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """What a validation covers."""

    STRUCTURE = "structure"
    """Elements, types, cardinalities, primitives, required codes, reference targets."""
    FULL = "full"
    """Also invariants, profiles, extensions, bindings of all strengths, references, rules of Bundles."""
