"""URI parameters: the whole URI, as written, or a part of its path. https://hl7.org/fhir/R4/search.html#uri"""

from __future__ import annotations

import re
from typing import NamedTuple

from fhir_server.fhir.reference import parse_canonical
from fhir_server.fhirpath.node import Node
from fhir_server.search.entries import escape, escape_prefix, prefix_range
from fhir_server.search.escapes import unescape
from fhir_server.search.parameters.parameter_type import Asked, Match, ParameterType, TokenPattern

_MAX_SEGMENTS = 32
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]+")


class UriValue(NamedTuple):
    """A URI as written."""

    uri: str
    above: tuple[str, ...] = ()
    """With :above, itself and the URIs whose paths it continues."""


def extract(node: Node, base_url: str) -> list[str]:
    """Returns the entries of one value; a canonical is found with and without its version."""
    value = node[0]
    if not isinstance(value, str) or not value:
        return []
    entries = [f"={escape(value)}|"]
    if node[1] == "canonical" and ("|" in value or "#" in value):
        entries.append(f"={escape(parse_canonical(value).url)}|")
    return entries


def parse(text: str, asked: Asked) -> UriValue:
    """Reads the URI."""
    uri = unescape(text)
    return UriValue(uri, _above(uri, asked) if asked.modifier == "above" else ())


def _above(uri: str, asked: Asked) -> tuple[str, ...]:
    """Returns the URL and every beginning of it that ends with a segment, with and without its slash."""
    origin = _URL.match(uri)
    if origin is None:
        return (uri,)  # a URN has no path
    ends = [m.start() for m in re.finditer("/", uri) if m.start() >= origin.end()]
    if len(ends) > _MAX_SEGMENTS:
        raise asked.refuse(f"at most {_MAX_SEGMENTS} segments")
    return tuple(dict.fromkeys([uri, *(uri[: end + further] for end in ends for further in (0, 1))]))


def match(code: str, modifier: str, value: UriValue) -> Match:
    """Returns the exact token; :below is the range of what begins with the URI, :above a list."""
    if modifier == "above":
        return {"t": {"$in": [f"{code}={escape(uri)}|" for uri in value.above]}}
    if modifier == "below":
        return {"t": {"$elemMatch": prefix_range(f"{code}={escape_prefix(value.uri)}")}}
    return f"{code}={escape(value.uri)}|"


def pattern(value: UriValue, asked: Asked) -> TokenPattern:
    """Returns how the URI looks inside a composite."""
    return TokenPattern(f"{escape(value.uri)}|", True)


URI = ParameterType("t", frozenset({"missing", "below", "above"}), extract, parse, match, pattern)
