"""Reference parameters: by id, Type/id, URL, canonical or identifier. https://hl7.org/fhir/R4/search.html#reference"""

from __future__ import annotations

from typing import Any, NamedTuple

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir.primitives import is_id
from fhir_server.fhir.reference import parse_canonical, parse_reference
from fhir_server.fhirpath.node import Node
from fhir_server.search.entries import CONTAINED_TARGET, URL, escape, prefix_range
from fhir_server.search.escapes import unescape
from fhir_server.search.parameters import token
from fhir_server.search.parameters.parameter_type import TYPE, Asked, Match, ParameterType, TokenPattern

_MAX_TYPES = 6

PARENTS = {
    "CarePlan": "part-of", "DeviceDefinition": "parent", "Encounter": "part-of", "Location": "partof",
    "MedicationStatement": "part-of", "Organization": "partof", "Procedure": "part-of",
    "ResearchStudy": "partof", "Specimen": "parent", "Task": "part-of",
}  # fmt: skip
"""Types that are parts of others of the same type → the parameter that says of which."""


class ReferenceValue(NamedTuple):
    """What was asked."""

    types: tuple[str, ...]
    """Types the target may have; empty for any."""
    id: str
    url: str = ""
    """Of a reference that is not local."""
    identifier: token.TokenValue | None = None


class CanonicalVersions(NamedTuple):
    """A canonical and all that is below its version: |1 has 1.0 and 1.1."""

    url: str
    version: str


def extract(node: Node, base_url: str) -> list[str]:
    """Returns the entries of a Reference, a canonical or uri, or a resource inside another."""
    value = node[0]
    if isinstance(value, str):
        return _from_text(value, base_url, canonical=node[1] == "canonical")
    if not isinstance(value, dict):
        return []
    if node[1] != "Reference":
        return _from_resource(value)
    literal = value.get("reference")
    entries = _from_text(literal, base_url, canonical=False) if isinstance(literal, str) else []
    identifier = value.get("identifier")
    if isinstance(identifier, dict):
        entries += [f":identifier{e}" for e in token.extract_codes(Node(identifier, "Identifier", None), "")]
    return entries


def _from_text(text: str, base_url: str, *, canonical: bool) -> list[str]:
    reference = parse_reference(text, base_url)
    if reference is not None and reference.kind == "local":
        return [f"={reference.id}|{reference.type}"]
    if not text:
        return []
    if reference is not None and reference.kind == "contained":
        return [f"{CONTAINED_TARGET}{reference.id}"] if reference.id else []
    urls = [text]
    if canonical and ("|" in text or "#" in text):
        urls.append(parse_canonical(text).url)
    elif reference is not None and (reference.version or reference.fragment):
        urls = [reference.url]
    return [f"={escape(url)}|{URL}" for url in urls]


def _from_resource(value: dict[str, Any]) -> list[str]:
    type_, id_ = value.get("resourceType"), value.get("id")
    return [f"={id_}|{type_}"] if isinstance(type_, str) and isinstance(id_, str) and is_id(id_) else []


def parse(text: str, asked: Asked) -> ReferenceValue | CanonicalVersions:
    """Reads [id], [type]/[id], [url] or, with :identifier, a token."""
    if asked.modifier == "identifier":
        return ReferenceValue((), "", "", token.parse_token(text, asked))
    if asked.modifier in ("below", "above"):
        return _parse_hierarchy(text, asked)
    value = unescape(text)
    types = (asked.modifier,) if asked.modifier else asked.parameter.target
    reference = parse_reference(value, asked.base_url)
    if reference is not None and reference.kind == "local":
        if not load_definitions().is_resource_type(reference.type):
            raise asked.refuse(f"{reference.type} is no resource type")
        if asked.modifier and asked.modifier != reference.type:
            raise asked.refuse(f"{value} is no {asked.modifier}")
        return ReferenceValue((reference.type,), reference.id)
    if is_id(value):
        return ReferenceValue(types if len(types) <= _MAX_TYPES else (), value)
    if reference is None and ":" not in value:
        raise asked.refuse("a reference is an id, Type/id or a URL")
    return ReferenceValue((), "", value if "|" in value or reference is None else reference.url or value)


def _parse_hierarchy(text: str, asked: Asked) -> ReferenceValue | CanonicalVersions:
    """Reads a member of a hierarchy, or with :below a canonical."""
    value = unescape(text)
    reference = parse_reference(value, asked.base_url)
    if is_id(value) or (reference is not None and reference.kind == "local"):
        asked_types = asked.parameter.target if reference is None else (reference.type,)
        types = tuple(t for t in PARENTS if t in asked_types)
        if not types:
            raise asked.refuse("what this refers to has no hierarchy")
        return ReferenceValue(types, value if reference is None else reference.id)
    if asked.modifier == "above" or ":" not in value:
        raise asked.refuse("a member of a hierarchy is an id or Type/id")
    canonical = parse_canonical(value)
    return CanonicalVersions(canonical.url, canonical.version)


def _match_versions(code: str, value: CanonicalVersions) -> Match:
    if not value.version:
        return f"{code}={escape(value.url)}|{URL}"
    exact = escape(f"{value.url}|{value.version}")
    further = [{"t": {"$elemMatch": prefix_range(f"{code}={exact}{sign}")}} for sign in ".-"]
    return {"$or": [{"t": {"$eq": f"{code}={exact}|{URL}"}}, *further]}


def match(code: str, modifier: str, value: ReferenceValue | CanonicalVersions) -> Match:
    """Returns the exact token where the type is known, else the range of all types."""
    if isinstance(value, CanonicalVersions):
        return _match_versions(code, value)
    if value.identifier is not None:
        return token.match(f"{code}:identifier", "", value.identifier)
    if value.url:
        return f"{code}={escape(value.url)}|{URL}"
    tokens = [f"{code}={value.id}|{t}" for t in value.types]
    if len(tokens) == 1:
        return tokens[0]
    return {"t": {"$in": tokens}} if tokens else {"t": {"$elemMatch": prefix_range(f"{code}={value.id}|")}}


def pattern(value: ReferenceValue, asked: Asked) -> TokenPattern:
    """Returns how the reference looks inside a composite."""
    if value.url:
        return TokenPattern(f"{escape(value.url)}|{URL}", True)
    if len(value.types) == 1:
        return TokenPattern(f"{value.id}|{value.types[0]}", True)
    return TokenPattern(f"{value.id}|", False)


REFERENCE = ParameterType(
    "t", frozenset({"missing", "identifier", "below", "above", TYPE}), extract, parse, match, pattern
)
