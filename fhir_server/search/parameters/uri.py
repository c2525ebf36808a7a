"""URI parameters: the whole URI, as written. https://hl7.org/fhir/R4/search.html#uri"""

from __future__ import annotations

from typing import NamedTuple

from fhir_server.fhir.reference import parse_canonical
from fhir_server.fhirpath.node import Node
from fhir_server.search.entries import escape, escape_prefix, prefix_range
from fhir_server.search.escapes import unescape
from fhir_server.search.parameters.parameter_type import Asked, Match, ParameterType, TokenPattern


class UriValue(NamedTuple):
    """A URI as written."""

    uri: str


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
    return UriValue(unescape(text))


def match(code: str, modifier: str, value: UriValue) -> Match:
    """Returns the exact token; :below is the range of what begins with the URI."""
    if modifier == "below":
        return {"t": {"$elemMatch": prefix_range(f"{code}={escape_prefix(value.uri)}")}}
    return f"{code}={escape(value.uri)}|"


def pattern(value: UriValue, asked: Asked) -> TokenPattern:
    """Returns how the URI looks inside a composite."""
    return TokenPattern(f"{escape(value.uri)}|", True)


URI = ParameterType("t", frozenset({"missing", "below"}), extract, parse, match, pattern)
