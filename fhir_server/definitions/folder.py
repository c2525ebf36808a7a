"""The conformance resources of a folder whose files are named after them: read when first asked for.

https://hl7.org/fhir/R4/references.html#canonical; profiles/README.md
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from fhir_server.fhir import Resource
from fhir_server.fhir.reference import parse_canonical

_TYPES = ("StructureDefinition", "ValueSet", "CodeSystem", "Questionnaire")


class FolderSource:
    """Type-id.json, where the id is the last step of the url: a start reads names, not megabytes."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.name: path for type_ in _TYPES for path in folder.glob(f"{type_}-*.json")}
        self._read: dict[str, Resource] = {}
        states = [(name, path.stat()) for name, path in sorted(self._files.items())]
        listed = repr([(name, state.st_size, state.st_mtime_ns) for name, state in states])
        self.revision = hashlib.sha256(listed.encode()).hexdigest()

    def find(self, resource_type: str, canonical: str) -> Resource | None:
        """Returns the resource of a canonical, with its version where one is asked for."""
        url, version, _ = parse_canonical(canonical)
        name = f"{resource_type}-{url.rpartition('/')[2]}.json"
        # Names that are not listed touch no disk: canonicals come from outside.
        if name not in self._files:
            return None
        found = self._read.get(name)
        if found is None:
            found = self._read[name] = msgspec.json.decode(self._files[name].read_bytes())
        if found.get("url") != url or version not in ("", found.get("version", "")):
            return None
        return found
