"""The prefixes of ordered values. https://hl7.org/fhir/R4/search.html#prefix"""

from __future__ import annotations

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


def read_prefix(text: str) -> tuple[str, str]:
    """Returns prefix and rest; `eq` where there is none."""
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)
