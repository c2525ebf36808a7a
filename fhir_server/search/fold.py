"""Strings as search compares them: without case, accents, ligatures and surplus spaces.

https://hl7.org/fhir/R4/search.html#string
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "n"}
)
"""Letters that Unicode does not decompose."""


@lru_cache(maxsize=16_384)
def fold(text: str) -> str:
    """Returns the folded form: NFKD without marks, case folded, spaces collapsed."""
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in folded if not unicodedata.combining(c)).casefold()
    return " ".join(letters.translate(_LETTERS).split())
