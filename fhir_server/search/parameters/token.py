"""Token parameters: codes, identifiers, booleans. https://hl7.org/fhir/R4/search.html#token"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_server.fhirpath.node import Node
from fhir_server.search.element_types import implies_system
from fhir_server.search.entries import PRESENT, escape, hash_system, prefix_range
from fhir_server.search.escapes import split, unescape
from fhir_server.search.parameters.parameter_type import Asked, Match, ParameterType, TokenPattern
from fhir_server.search.parameters.token_concept import (
    MimeType,
    match_mime_type,
    parse_concept,
    parse_value_set,
)
from fhir_server.search.parameters.token_text import (
    TextValue,
    TypedIdentifier,
    match_text,
    match_typed,
    parse_text,
    parse_typed,
    text_entries,
    type_entries,
)


class TokenValue(NamedTuple):
    """[system]|[code]; None where any will do."""

    system: str | None
    code: str | None


def _entry(code: Any, system: Any) -> list[str]:
    if not isinstance(code, str) or not code:
        return []
    return [f"={escape(code)}|{hash_system(system) if isinstance(system, str) else ''}"]


def _from_coding(value: dict[str, Any]) -> list[str]:
    return _entry(value.get("code"), value.get("system"))


def _from_concept(value: dict[str, Any]) -> list[str]:
    codings = value.get("coding")
    if not isinstance(codings, list):
        return []
    return [e for c in codings if isinstance(c, dict) for e in _entry(c.get("code"), c.get("system"))]


def _from_identifier(value: dict[str, Any]) -> list[str]:
    return _entry(value.get("value"), value.get("system"))


def _from_contact_point(value: dict[str, Any]) -> list[str]:
    # ContactPoint.system (phone, email …) is no URI, so it is no token system.
    return _entry(value.get("value"), None)


_STRUCTURES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "Coding": _from_coding,
    "CodeableConcept": _from_concept,
    "Identifier": _from_identifier,
    "ContactPoint": _from_contact_point,
}


def _text_of_coding(value: dict[str, Any]) -> list[str]:
    return text_entries(value.get("display"))


def _text_of_concept(value: dict[str, Any]) -> list[str]:
    codings = value.get("coding")
    texts = [c.get("display") for c in codings if isinstance(c, dict)] if isinstance(codings, list) else []
    return text_entries(value.get("text"), *texts)


_TEXTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "Coding": _text_of_coding,
    "CodeableConcept": _text_of_concept,
    "Identifier": type_entries,
}


def extract(node: Node, base_url: str) -> list[str]:
    """Returns the entries of one value, and those of its texts."""
    entries = extract_codes(node, base_url)
    read = _TEXTS.get(node[1])
    if read is None or not isinstance(node[0], dict):
        return entries
    texts = read(node[0])
    # What has a text alone has a value all the same.
    return (entries or [PRESENT]) + texts if texts else entries


def extract_codes(node: Node, base_url: str) -> list[str]:
    """Returns the entries of one value, without texts."""
    value = node[0]
    if isinstance(value, str):
        return [f"={escape(value)}|"] if value else []
    if value is True or value is False:
        return ["=true|" if value else "=false|"]
    if isinstance(value, dict):
        read = _STRUCTURES.get(node[1])
        return read(value) if read else []
    return [] if value is None else [f"={escape(str(value))}|"]


def parse(text: str, asked: Asked) -> Any:
    """Reads code, system|code, |code or system|, or what the modifier asks for."""
    read = _PARSE.get(asked.modifier)
    return read(text, asked) if read else parse_token(text, asked)


def parse_token(text: str, asked: Asked) -> TokenValue:
    """Reads code, system|code, |code or system|."""
    parts = [unescape(p) for p in split(text, "|")]
    if len(parts) == 1:
        return TokenValue("" if asked.elements.systemless else None, parts[0])
    if len(parts) > 2:
        raise asked.refuse(r"a token has one |; write \| for one inside a value")
    system, code = parts
    if not system and not code:
        raise asked.refuse("a token needs a system or a code")
    if system and code and implies_system(asked.elements, system, code):
        system = ""
    return TokenValue(system, code or None)


_PARSE: dict[str, Callable[[str, Asked], Any]] = {
    "text": parse_text,
    "of-type": parse_typed,
    "in": parse_value_set,
    "not-in": parse_value_set,
    "below": parse_concept,
    "above": parse_concept,
}

_MATCH: dict[type, Callable[[str, Any], Match]] = {
    TextValue: match_text,
    TypedIdentifier: match_typed,
    MimeType: match_mime_type,
}


def match(code: str, modifier: str, value: Any) -> Match:
    """Returns the exact token, the range of a code in any system, or the pattern of a system's codes."""
    special = _MATCH.get(type(value))
    if special is not None:
        return special(code, value)
    if value.code is None:
        # Rare, so it costs no entry: the index gives all codes of the parameter, the pattern chooses.
        return {"t": {"$regex": f"^{re.escape(code)}=[^|]*\\|{hash_system(value.system or '')}$"}}
    start = f"{code}={escape(value.code)}|"
    if value.system is None:
        return {"t": {"$elemMatch": prefix_range(start)}}
    return start + hash_system(value.system)


def pattern(value: TokenValue, asked: Asked) -> TokenPattern:
    """Returns how the token looks inside a composite."""
    if value.code is None:
        return TokenPattern("", False, rf"[^|$]*\|{hash_system(value.system or '')}")
    start = f"{escape(value.code)}|"
    if value.system is None:
        return TokenPattern(start, False)
    return TokenPattern(start + hash_system(value.system), True)


TOKEN = ParameterType("t", frozenset({"missing", "not", *_PARSE}), extract, parse, match, pattern)
