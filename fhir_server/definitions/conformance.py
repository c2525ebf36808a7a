"""Where StructureDefinitions, ValueSets and CodeSystems beyond the tables of R4 come from.

https://hl7.org/fhir/R4/profiling.html, https://hl7.org/fhir/R4/references.html#canonical
"""

from __future__ import annotations

from typing import Protocol

from fhir_server.fhir import Resource


class Conformance(Protocol):
    """A source of conformance resources; shared by threads."""

    def find(self, resource_type: str, canonical: str) -> Resource | None:
        """Returns the StructureDefinition, ValueSet or CodeSystem of a canonical (url or url|version)."""

    @property
    def revision(self) -> str:
        """Changes when the content does: what was compiled from it is compiled again."""
