"""Sources of conformance resources: a list in memory (a package, posted ones), R4 itself, several in order.

https://hl7.org/fhir/R4/references.html#canonical
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from fhir_server.definitions.conformance import Conformance
from fhir_server.definitions.folder import FolderSource
from fhir_server.definitions.packages import PackageError, read_package
from fhir_server.definitions.r4_source import R4Source
from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir import Resource
from fhir_server.fhir.reference import parse_canonical
from fhir_server.settings import find_artefacts


class ListedSource:
    """Conformance resources in memory: of a folder, a package, or given."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_url: dict[tuple[str, str], dict[str, Resource]] = {}
        digest = hashlib.sha256()
        for resource in resources:
            url = resource.get("url")
            if isinstance(url, str):
                digest.update(msgspec.json.encode(resource))
                versions = self._by_url.setdefault((str(resource.get("resourceType")), url), {})
                versions[str(resource.get("version", ""))] = resource
        self.revision = digest.hexdigest()

    @classmethod
    def of_folder(cls, folder: Path) -> ListedSource:
        """Reads Type-id.json files."""
        types = ("StructureDefinition", "ValueSet", "CodeSystem", "Questionnaire")
        paths = sorted(path for type_ in types for path in folder.glob(f"{type_}-*.json"))
        return cls(msgspec.json.decode(path.read_bytes()) for path in paths)

    @classmethod
    def of_package(cls, archive: bytes) -> ListedSource:
        """Reads a package (.tgz); raises PackageError."""
        return cls(read_package(archive))

    def find(self, resource_type: str, canonical: str) -> Resource | None:
        """Returns the version asked for, the highest where none is."""
        url, version, _ = parse_canonical(canonical)
        versions = self._by_url.get((resource_type, url))
        if not versions:
            return None
        return versions.get(version) if version else versions[max(versions, key=_order)]


class LayeredSource:
    """Several sources: the first that knows a canonical answers."""

    def __init__(self, sources: Sequence[Conformance]) -> None:
        self._sources = tuple(sources)

    @property
    def revision(self) -> str:
        """Changes with each of the sources."""
        return " ".join(filter(None, (source.revision for source in self._sources)))

    def find(self, resource_type: str, canonical: str) -> Resource | None:
        """Returns the first that is found."""
        for source in self._sources:
            found = source.find(resource_type, canonical)
            if found is not None:
                return found
        return None


def _order(version: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in version.split(".")]


@cache
def load_r4_source() -> R4Source:
    """Returns the source of R4's own definitions."""
    return R4Source(load_definitions())


@cache
def default_conformance() -> Conformance:
    """Returns what every server knows: R4, then `profiles/`."""
    return LayeredSource([load_r4_source(), FolderSource(find_artefacts() / "profiles")])


def installed_packages(folder: Path) -> list[ListedSource]:
    """Returns the packages (.tgz) that the operator put into a folder; raises PackageError, with the file."""
    found = []
    for path in sorted(folder.glob("*.tgz")):
        try:
            found.append(ListedSource.of_package(path.read_bytes()))
        except PackageError as error:
            raise PackageError(f"{path}: {error.diagnostics}") from error
    return found


def with_sources(*sources: Conformance) -> Conformance:
    """Returns the default with further sources behind it."""
    return LayeredSource([default_conformance(), *sources])
