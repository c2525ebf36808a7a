"""String parameters: begins with, whatever the case and accents. https://hl7.org/fhir/R4/search.html#string"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from fhir_server.fhirpath.node import Node
from fhir_server.search.entries import INNER, MAX_BYTES, escape, escape_prefix, prefix_range
from fhir_server.search.escapes import unescape
from fhir_server.search.fold import fold
from fhir_server.search.parameters.parameter_type import Asked, Match, ParameterType, TokenPattern

_NAME_PARTS = ("text", "family", "given", "prefix", "suffix")
_ADDRESS_PARTS = ("text", "line", "city", "district", "state", "postalCode", "country")
_PARTS = {"HumanName": _NAME_PARTS, "Address": _ADDRESS_PARTS}
_TEXT = {"CodeableConcept": "text", "Annotation": "text", "Coding": "display", "Identifier": "value"}


class StringValue(NamedTuple):
    """What was asked, as written."""

    text: str


def extract(node: Node, base_url: str) -> list[str]:
    """Returns the folded and the exact entries of one value."""
    value = node[0]
    if isinstance(value, str):
        return _entries([value], words=False)
    if isinstance(value, dict):
        parts = _PARTS.get(node[1])
        if parts:
            return _entries(_texts(value, parts), words=True)
        return _entries(_texts(value, (_TEXT.get(node[1], ""),)), words=False)
    return [] if value is None else _entries([str(value)], words=False)


def _texts(value: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    texts: list[str] = []
    for name in names:
        part = value.get(name)
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, list):
            texts += [t for t in part if isinstance(t, str)]
    return texts


def _entries(texts: list[str], *, words: bool) -> list[str]:
    entries: list[str] = []
    for text in texts:
        folded = fold(text)
        if folded:
            entries.append(f"={escape(folded)}")
            # "Jean-Marie de la Tour" is found by "tour" and by "marie".
            if words and (" " in folded or "-" in folded or "'" in folded):
                entries += [f"={escape(w)}{INNER}" for w in _inner_words(folded)]
            entries.append(f"^{escape(text)}")
    return entries


def _inner_words(folded: str) -> list[str]:
    starts = [i + 1 for i, c in enumerate(folded) if c in " -'"][:16]
    return [folded[s:] for s in starts if s < len(folded) and folded[s] not in " -'"]


def parse(text: str, asked: Asked) -> StringValue:
    """Reads the text; it must have something left when folded."""
    value = unescape(text)
    if asked.modifier != "exact":
        if not fold(value):
            raise asked.refuse("there is nothing to look for in this value")
        if len(fold(value).encode("utf-8", "replace")) > MAX_BYTES // 2:
            raise asked.refuse(f"at most {MAX_BYTES // 2} bytes can be looked for")
    return StringValue(value)


def match(code: str, modifier: str, value: StringValue) -> Match:
    """Returns the range of what begins with the value, or the exact token."""
    if modifier == "exact":
        return f"{code}^{escape(value.text)}"
    folded = escape_prefix(fold(value.text))
    if modifier == "contains":
        return {"t": {"$regex": f"^{re.escape(code)}=.*{re.escape(folded)}"}}
    return {"t": {"$elemMatch": prefix_range(f"{code}={folded}")}}


def pattern(value: StringValue, asked: Asked) -> TokenPattern:
    """Returns how the string looks inside a composite."""
    return TokenPattern(escape_prefix(fold(value.text)), False)


STRING = ParameterType("t", frozenset({"missing", "exact", "contains"}), extract, parse, match, pattern)
