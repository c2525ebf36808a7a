"""The modifiers :in, :not-in, :below and :above of token parameters, as they are asked.

https://hl7.org/fhir/R4/search.html#token; what they lead to is in search/concepts.py
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir.reference import parse_reference
from fhir_server.search.entries import Filter, escape, prefix_range
from fhir_server.search.escapes import split, unescape
from fhir_server.search.parameters.parameter_type import Asked

_MIME_TYPES = "http://hl7.org/fhir/ValueSet/mimetypes"
_MIME_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#&^_.+-]{0,126}(?:/[A-Za-z0-9][A-Za-z0-9!#&^_.+-]{0,126})?")
_MAX_CHARACTERS = 1_000


class ValueSetValue(NamedTuple):
    """A value set: ValueSet/id or a canonical."""

    reference: str


class Concept(NamedTuple):
    """A code of one system, or of those that the element's binding says."""

    systems: tuple[str, ...]
    code: str


class MimeType(NamedTuple):
    """type/subtype, or type alone; whatever its parameters."""

    text: str


def parse_value_set(text: str, asked: Asked) -> ValueSetValue:
    """Reads a URL or ValueSet/id."""
    value = unescape(text)
    reference = parse_reference(value, asked.base_url)
    if reference is not None and reference.kind == "local":
        if reference.type != "ValueSet" or reference.version:
            raise asked.refuse("not a reference to a ValueSet")
        return ValueSetValue(f"ValueSet/{reference.id}")
    if ":" not in value or len(value) > _MAX_CHARACTERS:
        raise asked.refuse("a value set is a canonical or ValueSet/id")
    return ValueSetValue(value)


def parse_concept(text: str, asked: Asked) -> Concept | MimeType:
    """Reads [system]|[code], a code whose system the element's binding says, or a media type."""
    value_sets = asked.elements.value_sets
    if asked.modifier == "below" and any(v.partition("|")[0] == _MIME_TYPES for v in value_sets):
        if not _MIME_TYPE.fullmatch(text):
            raise asked.refuse("a media type is type/subtype or type")
        return MimeType(text)
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) == 2 and all(parts):
        return Concept((parts[0],), parts[1])
    systems = tuple(s for v in value_sets for s, codes in _systems(v) if parts[0] in codes)
    if len(parts) != 1 or not systems:
        raise asked.refuse("a concept is system|code")
    return Concept(tuple(dict.fromkeys(systems)), parts[0])


def _systems(value_set: str) -> list[tuple[str, frozenset[str]]]:
    return list((load_definitions().required_codes(value_set) or {}).items())


def match_mime_type(code: str, value: MimeType) -> Filter:
    """Returns where the media type, before its parameters, is the one asked."""
    start = f"{code}={escape(value.text)}"
    ends = "|; " if "/" in value.text else "|/"
    return {"$or": [{"t": {"$elemMatch": prefix_range(start + end)}} for end in ends]}
