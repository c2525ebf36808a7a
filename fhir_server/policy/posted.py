"""StructureDefinitions, ValueSets and CodeSystems that clients have stored here, as a source for validation.

https://hl7.org/fhir/R4/profiling.html

They hold nothing of anyone: whoever validates is told by them, whatever the token reaches.
"""

from __future__ import annotations

import time

from fhir_server.fhir import Resource
from fhir_server.fhir.json import parse_json
from fhir_server.fhir.reference import parse_canonical
from fhir_server.search.compile import compile_query
from fhir_server.search.concepts import canonical_query
from fhir_server.search.entries import escape
from fhir_server.storage.resources import Resources
from fhir_server.storage.stored import read_document

TYPES = ("StructureDefinition", "ValueSet", "CodeSystem", "Questionnaire")
MAX_URLS = 100_000
"""Urls of a type that are kept in memory; where there are more, the database is asked."""
SECONDS = 1.0
"""How late another process may notice that something was stored."""


class PostedDefinitions:
    """A source of conformance resources that changes; see `definitions.conformance`."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._revision = ""
        self._until = 0.0
        self._urls: dict[str, frozenset[str]] = {}

    def find(self, resource_type: str, canonical: str) -> Resource | None:
        """Returns the newest with this url, and version where one is asked for."""
        if resource_type not in TYPES or not self._may_have(resource_type, canonical):
            return None
        plan = compile_query(canonical_query(resource_type, canonical))
        found = self._resources.find(plan, {}, 1)
        resource: Resource | None = parse_json(read_document(resource_type, found[0]).raw) if found else None
        return resource

    def _may_have(self, resource_type: str, canonical: str) -> bool:
        """False for a url that nobody stored: any client may name any number of them in its extensions."""
        known = self._urls.get(resource_type)
        if known is None:
            known = self._resources.index_entries(resource_type, "url=", MAX_URLS)
            self._urls[resource_type] = known
        return len(known) >= MAX_URLS or f"url={escape(parse_canonical(canonical).url)}|" in known

    @property
    def revision(self) -> str:
        """Names the last change of each type, "" where nothing was ever stored."""
        now = time.monotonic()
        if now >= self._until:
            changes = [self._resources.last_change(name) for name in TYPES]
            revision = "|".join(changes) if any(changes) else ""
            if revision != self._revision:
                self._urls = {}
            self._revision, self._until = revision, now + SECONDS
        return self._revision
