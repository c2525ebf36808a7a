"""The ValueSets and CodeSystems that come with the server: those of `profiles/`, and what R4 requires.

https://hl7.org/fhir/R4/references.html#canonical
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import msgspec

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir import Resource
from fhir_server.fhir.reference import parse_canonical

_R4 = "4.0.1"
_TYPES = ("CodeSystem", "ValueSet")


class Artefacts:
    """The artefacts of one folder; read when the first of them is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _by_url(self) -> dict[tuple[str, str], Resource]:
        found: dict[tuple[str, str], Resource] = {}
        for type_ in _TYPES:
            for path in sorted(self._folder.glob(f"{type_}-*.json")):
                resource: Resource = msgspec.json.decode(path.read_bytes())
                found[type_, resource["url"]] = resource
        return found

    def find(self, resource_type: str, canonical: str) -> Resource | None:
        """Returns an artefact by url, with its version where one is asked."""
        url, version, _ = parse_canonical(canonical)
        found = self._by_url.get((resource_type, url))
        if found is not None:
            return found if version in ("", found.get("version", "")) else None
        if resource_type == "ValueSet" and version in ("", _R4):
            return _required_value_set(url)
        return None


def _required_value_set(url: str) -> Resource | None:
    """Returns a value set of R4 to which a required binding leads, as a list of its codes."""
    listed = load_definitions().required_codes(url)
    if listed is None:
        return None
    include = [
        {"system": system, "concept": [{"code": code} for code in sorted(codes)]}
        for system, codes in listed.items()
    ]
    return {"resourceType": "ValueSet", "url": url, "version": _R4, "compose": {"include": include}}
