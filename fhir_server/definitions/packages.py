"""FHIR packages (.tgz) read in memory: nothing is written, so no path in them can lead anywhere.

https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator

import msgspec

from fhir_server.errors import Invalid
from fhir_server.fhir import Resource

MAX_PACKED = 64 * 1024 * 1024
MAX_UNPACKED = 512 * 1024 * 1024
MAX_FILE = 64 * 1024 * 1024
MAX_FILES = 100_000
_TYPES = frozenset({"StructureDefinition", "ValueSet", "CodeSystem", "Questionnaire"})


class PackageError(Invalid):
    """A file that is no FHIR package, or one larger than is read."""


def read_package(archive: bytes) -> Iterator[Resource]:
    """Yields the resources of a package that validation asks for; raises PackageError."""
    if len(archive) > MAX_PACKED:
        raise PackageError(f"The package is larger than {MAX_PACKED} bytes")
    try:
        unpacked = _unpack(archive)
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as package:
            yield from _resources(package)
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError) as error:
        raise PackageError(f"The file is no FHIR package: {error}") from error


def _unpack(archive: bytes) -> bytes:
    """Decompresses up to the limit: a small file may hold a very large one."""
    with gzip.GzipFile(fileobj=io.BytesIO(archive)) as stream:
        unpacked = stream.read(MAX_UNPACKED + 1)
    if len(unpacked) > MAX_UNPACKED:
        raise PackageError(f"The package unpacks to more than {MAX_UNPACKED} bytes")
    return unpacked


def _resources(package: tarfile.TarFile) -> Iterator[Resource]:
    for count, member in enumerate(package):
        if count >= MAX_FILES:
            raise PackageError(f"The package has more than {MAX_FILES} files")
        if not member.isfile() or not _is_artefact(member.name):
            continue
        if member.size > MAX_FILE:
            raise PackageError(f"A file of the package is larger than {MAX_FILE} bytes")
        stream = package.extractfile(member)
        resource = _decode(stream.read()) if stream is not None else None
        if resource is not None and resource.get("resourceType") in _TYPES:
            yield resource


def _is_artefact(name: str) -> bool:
    """True for package/Type-id.json: not for examples, openapi and other folders."""
    folder, _, file = name.rpartition("/")
    return folder == "package" and file.endswith(".json") and file.partition("-")[0] in _TYPES


def _decode(text: bytes) -> Resource | None:
    try:
        resource = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return resource if isinstance(resource, dict) else None
