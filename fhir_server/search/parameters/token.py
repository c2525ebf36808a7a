"""Token parameters: codes, identifiers, booleans. https://hl7.org/fhir/R4/search.html#token"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_server.fhirpath.node import Node
from fhir_server.search.element_types import implies_system
from fhir_server.search.entries import escape, hash_system, prefix_range
from fhir_server.search.escapes import split, unescape
from fhir_server.search.parameters.parameter_type import Asked, Match, ParameterType, TokenPattern


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


def extract(node: Node, base_url: str) -> list[str]:
    """Returns the entries of one value."""
    value = node[0]
    if isinstance(value, str):
        return [f"={escape(value)}|"] if value else []
    if value is True or value is False:
        return ["=true|" if value else "=false|"]
    if isinstance(value, dict):
        read = _STRUCTURES.get(node[1])
        return read(value) if read else []
    return [] if value is None else [f"={escape(str(value))}|"]


def parse(text: str, asked: Asked) -> TokenValue:
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


def match(code: str, modifier: str, value: TokenValue) -> Match:
    """Returns the exact token, the range of a code in any system, or the pattern of a system's codes."""
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
        raise asked.refuse("a component needs a code")
    start = f"{escape(value.code)}|"
    if value.system is None:
        return TokenPattern(start, False)
    return TokenPattern(start + hash_system(value.system), True)


TOKEN = ParameterType("t", frozenset({"missing", "not"}), extract, parse, match, pattern)
