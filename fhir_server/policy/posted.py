"""StructureDefinitions, ValueSets and CodeSystems that clients have stored here, as a source for validation.

https://hl7.org/fhir/R4/profiling.html

They hold nothing of anyone: whoever validates is told by them, whatever the token reaches.
"""

from __future__ import annotations

import time

from fhir_server.fhir import Resource
from fhir_server.fhir.json import parse_json
from fhir_server.search.compile import compile_query
from fhir_server.search.concepts import canonical_query
from fhir_server.storage.resources import Resources
from fhir_server.storage.stored import read_document

TYPES = ("StructureDefinition", "ValueSet", "CodeSystem", "Questionnaire")
SECONDS = 1.0
"""How late another process may notice that something was stored."""


class PostedDefinitions:
    """A source of conformance resources that changes; see `definitions.conformance`."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._revision = ""
        self._until = 0.0

    def find(self, resource_type: str, canonical: str) -> Resource | None:
        """Returns the newest with this url, and version where one is asked for."""
        if resource_type not in TYPES:
            return None
        plan = compile_query(canonical_query(resource_type, canonical))
        found = self._resources.find(plan, {}, 1)
        resource: Resource | None = parse_json(read_document(resource_type, found[0]).raw) if found else None
        return resource

    @property
    def revision(self) -> str:
        """Names the last change of each type."""
        now = time.monotonic()
        if now >= self._until:
            changes = [self._resources.last_change(name) for name in TYPES]
            self._revision, self._until = "|".join(changes), now + SECONDS
        return self._revision
