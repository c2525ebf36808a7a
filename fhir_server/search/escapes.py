"""Separators and their escapes in search values. https://hl7.org/fhir/R4/search.html#escaping"""

from __future__ import annotations

import re
from functools import cache

_ESCAPED = re.compile(r"\\([\\,|$])")


@cache
def _separator(symbol: str) -> re.Pattern[str]:
    return re.compile(rf"(?:[^\\{re.escape(symbol)}]|\\.|\\\Z)*+", re.DOTALL)


def split(text: str, symbol: str) -> list[str]:
    r"""Returns the parts between separators that no \ precedes; parts keep their escapes."""
    if "\\" not in text:
        return text.split(symbol)
    pattern = _separator(symbol)
    parts: list[str] = []
    position = 0
    while True:
        match = pattern.match(text, position)
        end = match.end() if match else position
        parts.append(text[position:end])
        if end >= len(text):
            return parts
        position = end + 1


def unescape(text: str) -> str:
    r"""Returns the text without its escapes; a \ before another character stands for itself."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
