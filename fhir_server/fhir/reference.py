"""References and canonicals: text to parts and back. https://hl7.org/fhir/R4/references.html#Reference"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from fhir_server.fhir.primitives import is_id

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}:")
_MAX_LENGTH = 8_192


class Reference(NamedTuple):
    """The parts of a literal reference; what does not apply is ""."""

    kind: str
    """local (a resource of this server), absolute, urn or contained."""
    type: str = ""
    """Resource type, where the text names one."""
    id: str = ""
    """Logical id; of a contained resource its id, "" for the container itself (#)."""
    version: str = ""
    url: str = ""
    """Of absolute and urn references: the URL without version and fragment."""
    fragment: str = ""


class Canonical(NamedTuple):
    """url|version#fragment. https://hl7.org/fhir/R4/references.html#canonical"""

    url: str
    version: str = ""
    fragment: str = ""


@lru_cache(maxsize=16_384)
def parse_reference(text: str, base_url: str = "") -> Reference | None:
    """Returns the parts of a reference, None when it is none; absolute URLs of `base_url` are local."""
    if not text or len(text) > _MAX_LENGTH:
        return None
    if text[0] == "#":
        return Reference("contained", id=text[1:]) if text == "#" or is_id(text[1:]) else None
    if not _SCHEME.match(text):
        return _parse_path(text, "")
    if text[:4].lower() == "urn:":
        return Reference("urn", url=text)
    base_url = base_url.rstrip("/")
    if base_url and text.startswith(base_url + "/"):
        local = _parse_path(text[len(base_url) + 1 :], "")
        if local is not None:
            return local
    return _parse_absolute(text)


def _parse_path(path: str, url: str) -> Reference | None:
    """Reads Type/id, Type/id/_history/version and a #fragment; of `url` when there is one."""
    path, _, fragment = path.partition("#")
    parts = path.split("/")
    if len(parts) == 2:
        version = ""
    elif len(parts) == 4 and parts[2] == "_history" and is_id(parts[3]):
        version = parts[3]
    else:
        return None
    if not _TYPE.fullmatch(parts[0]) or not is_id(parts[1]):
        return None
    kind = "absolute" if url else "local"
    return Reference(kind, parts[0], parts[1], version, url, fragment)


def _parse_absolute(text: str) -> Reference:
    whole, _, fragment = text.partition("#")
    url, separator, version = whole.partition("/_history/")
    if not separator or not is_id(version):
        url, version = whole, ""
    start = url.rfind("/", 0, max(url.rfind("/"), 0)) + 1
    rest = _parse_path(url[start:], url) if start else None
    if rest is not None:
        return rest._replace(version=version, fragment=fragment)
    return Reference("absolute", url=url, version=version, fragment=fragment)


def format_reference(reference: Reference, base_url: str = "") -> str:
    """Returns the text of a reference; local ones are relative, or absolute with a `base_url`."""
    if reference.kind == "contained":
        return f"#{reference.id}"
    text = reference.url
    if reference.kind == "local":
        text = f"{reference.type}/{reference.id}"
        if base_url:
            text = f"{base_url.rstrip('/')}/{text}"
    if reference.version:
        text += f"/_history/{reference.version}"
    return f"{text}#{reference.fragment}" if reference.fragment else text


def parse_canonical(text: str) -> Canonical:
    """Returns url, version and fragment of a canonical."""
    whole, _, fragment = text.partition("#")
    url, _, version = whole.rpartition("|") if "|" in whole else (whole, "", "")
    return Canonical(url, version, fragment)


def format_canonical(canonical: Canonical) -> str:
    """Returns the text of a canonical."""
    text = f"{canonical.url}|{canonical.version}" if canonical.version else canonical.url
    return f"{text}#{canonical.fragment}" if canonical.fragment else text
