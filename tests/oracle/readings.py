"""Does a value in a resource match a value of a URL? One function per type. https://hl7.org/fhir/R4/search.html#ptypes

Calendar and figures come from tests/unit/search/specification.py, which shares nothing with the server.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any

from tests.unit.search import specification
from tests.unit.search.specification import HIGHEST, LOWEST, folded, parts, plain, prefixed

Resource = dict[str, Any]
Interval = tuple[Fraction, Fraction]
Token = tuple[str, str]
"""(system, code)"""

FAMILIES = " -'"
"""What ends a word inside a name or address."""

day_interval = lru_cache(maxsize=10_000)(specification.day_interval)


def date_value(value: Any) -> Interval | None:
    """The interval of a date or Period; a missing end is beyond any date."""
    if isinstance(value, str):
        # A choice may also be a string (Immunization.occurrenceString), which is no date.
        return day_interval(value) if value[:4].isdigit() else None
    if not ("start" in value or "end" in value):
        return None
    start = day_interval(value["start"])[0] if "start" in value else LOWEST
    return start, day_interval(value["end"])[1] if "end" in value else HIGHEST


def date_matches(value: Any, text: str) -> bool:
    stored = date_value(value)
    if stored is None:
        return False
    prefix, rest = prefixed(plain(text))
    start, end = day_interval(rest)
    if prefix == "ap":
        # "for a date, 10% of the gap between now and the date"
        now = Fraction(int(datetime.now(UTC).timestamp() * 1000))
        gap = abs(now - start) / 10
        return stored[0] < end + gap and stored[1] > start - gap
    contained = start <= stored[0] and stored[1] <= end
    above, below = stored[1] > end, stored[0] < start
    return {
        "eq": contained,
        "ne": not contained,
        "gt": above,
        "lt": below,
        "ge": above or contained,
        "le": below or contained,
        "sa": stored[0] >= end,
        "eb": stored[1] <= start,
    }[prefix]


def number_matches(value: Any, text: str) -> bool:
    return specification.number_matches((Fraction(value), Fraction(value)), plain(text))


UCUM = "http://unitsofmeasure.org"
UNITS = {
    "mg": (Fraction(1, 1000), "g"), "g": (Fraction(1), "g"), "kg": (Fraction(1000), "g"),
    "min": (Fraction(60), "s"), "h": (Fraction(3600), "s"), "a": (Fraction(31_557_600), "s"),
}  # fmt: skip
"""UCUM code → (factor, dimension); a year is 365.25 days."""


def quantity_matches(value: Resource, text: str) -> bool:
    """[prefix][number], [number]|[system]|[code] or [number]||[code], which is "code or unit"."""
    if "low" in value:
        # A Range matches as a Period does: its ends are those of one interval, in one unit.
        return _number_matches(value["low"], Fraction(value["high"]["value"]), text)
    return "value" in value and _number_matches(value, Fraction(value["value"]), text)


def _number_matches(value: Resource, high: Fraction, text: str) -> bool:
    number, *unit = (plain(p) for p in parts(text, "|"))
    stored = Fraction(value["value"]), high
    if not unit or not unit[0]:
        if unit and unit[1] not in (value.get("code"), value.get("unit")):
            return False
        return specification.number_matches(stored, number)
    system, code = unit
    if value.get("system") != system or "code" not in value:
        return False
    if system != UCUM:
        return bool(value["code"] == code) and specification.number_matches(stored, number)
    (mine, dimension), (asked, other) = UNITS[value["code"]], UNITS[code]
    canonical = stored[0] * mine, stored[1] * mine
    return dimension == other and specification.number_matches(canonical, number, asked)


def tokens(value: Any, implied_system: str = "") -> list[Token]:
    """(system, code) of what a token parameter looks at, by the table of #token."""
    if isinstance(value, bool):
        return [("", "true" if value else "false")]
    if isinstance(value, str):
        return [(implied_system, value)]
    if "coding" in value:
        return [token for coding in value["coding"] for token in tokens(coding)]
    if "value" in value:  # Identifier, or ContactPoint, whose system is no URI
        return [("" if is_contact_point(value) else value.get("system", ""), value["value"])]
    return [(value.get("system", ""), value["code"])] if "code" in value else []


def is_contact_point(value: Resource) -> bool:
    """True for a ContactPoint; the system of an Identifier or Coding is a URI."""
    return value.get("system") in ("phone", "email")


def token_matches(value: Any, text: str, implied_system: str = "") -> bool:
    pieces = [plain(p) for p in parts(text, "|")]
    for system, code in tokens(value, implied_system):
        if len(pieces) == 1:
            found = code == pieces[0]
        else:
            found = system == pieces[0] and pieces[1] in ("", code)
        if found:
            return True
    return False


def token_texts(value: Any) -> list[str]:
    """:text looks at "CodeableConcept.text, Coding.display, or Identifier.type.text"."""
    if not isinstance(value, dict):
        return []
    texts = [
        value.get("text"),
        value.get("display"),
        value.get("type", {}).get("text") if "value" in value else None,
    ]
    texts += [coding.get("display") for coding in value.get("coding", [])]
    return [text for text in texts if text]


def text_matches(value: Any, text: str) -> bool:
    """:text "functions as a normal string search": the text begins so.

    The server adds that a further word of three letters or more does; signs between words do not count.
    """
    asked = " ".join(_words(plain(text)))
    for words in map(_words, token_texts(value)):
        if " ".join(words).startswith(asked) or any(len(w) > 2 and w.startswith(asked) for w in words[1:]):
            return True
    return False


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", fold(text))


def of_type_matches(value: Resource, text: str) -> bool:
    """:of-type=[system]|[code]|[value] of an Identifier."""
    system, code, number = (plain(p) for p in parts(text, "|"))
    type_ = value.get("type") if isinstance(value, dict) else None
    return bool(type_ and value.get("value") == number and (system, code) in tokens(type_))


def strings(value: Any) -> list[str]:
    """The strings of a HumanName or Address, or the string itself."""
    if isinstance(value, str):
        return [value]
    names = (
        "text",
        "family",
        "given",
        "prefix",
        "suffix",
        "line",
        "city",
        "district",
        "state",
        "postalCode",
        "country",
    )
    found = [value[name] for name in names if name in value]
    return [s for one in found for s in (one if isinstance(one, list) else [one]) if s is not None]


@lru_cache(maxsize=10_000)
def fold(text: str) -> str:
    """Without case, accents and ligatures; a stroke through a letter is an accent, as in Unicode."""
    return folded(unicodedata.normalize("NFKD", text)).translate(str.maketrans("łøđ", "lod"))


def string_matches(value: Any, text: str, modifier: str) -> bool:
    asked = plain(text)
    for stored in strings(value):
        if modifier == "exact":
            found = stored == asked
        elif modifier == "contains":
            found = fold(asked) in fold(stored)
        else:
            found = begins(fold(stored), fold(asked), words=isinstance(value, dict))
        if found:
            return True
    return False


def begins(text: str, start: str, *, words: bool) -> bool:
    """It equals or starts with; in a name or address, which servers search as they like, any word does."""
    places = range(len(text) if words else 1)
    return any(text.startswith(start, i) for i in places if i == 0 or text[i - 1] in FAMILIES)


class Canonical(str):
    """A URL that a version may follow: url|version."""

    __slots__ = ()


def uri_matches(value: str, text: str, modifier: str) -> bool:
    """Precise, sensitive to case, accent and escape; a canonical without version asks for any version."""
    asked = plain(text)
    url = value.partition("|")[0] if isinstance(value, Canonical) else value
    if modifier == "below":
        return value.startswith(asked)
    if modifier == "above":
        # "but also on http://acme.org/ValueSet/123": whole segments of the path
        return asked == value or (asked + "/").startswith(url.rstrip("/") + "/")
    return asked in (value, url)


def target(value: Any, base_url: str) -> tuple[str, str] | None:
    """(type, id) of a reference to this server, of whatever version."""
    text = value if isinstance(value, str) else value.get("reference", "")
    text = text.removeprefix(base_url + "/").partition("|")[0]
    if ":" in text or text.startswith("#") or "/" not in text:
        return None
    steps = text.partition("/_history/")[0].split("/")
    return (steps[0], steps[1]) if len(steps) == 2 else None


def reference_matches(value: Any, text: str, modifier: str, base_url: str) -> bool:
    if modifier == "identifier":
        return isinstance(value, dict) and "identifier" in value and token_matches(value["identifier"], text)
    asked = plain(text).removeprefix(base_url + "/")
    if ":" in asked:
        stored = value if isinstance(value, str) else value.get("reference", "")
        return uri_matches(Canonical(stored), text, "") if isinstance(value, str) else bool(stored == asked)
    found = target(value, base_url)
    if found is None:
        return False
    type_, _, id_ = asked.rpartition("/")
    return id_ == found[1] and found[0] in (type_ or modifier or found[0],)


_EARTH_METRES = 6_371_008.8
_METRES = {"": 1000.0, "km": 1000.0, "m": 1.0, "mi": 1609.344, "[mi_i]": 1609.344}


def near_matches(value: Resource, text: str) -> bool:
    """[latitude]|[longitude]|[distance]|[units]: along a great circle; without a distance 5 km."""
    latitude, longitude, *rest = (plain(p) for p in parts(text, "|"))
    distance, unit = (*rest, "", "")[:2]
    most = float(distance) * _METRES[unit] if distance else 5000.0
    here = math.radians(float(latitude)), math.radians(float(longitude))
    there = math.radians(float(value["latitude"])), math.radians(float(value["longitude"]))
    # The angle between two vectors from the centre of the Earth.
    one, other = (
        (math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a)) for a, b in (here, there)
    )
    chord = math.dist(one, other)
    return _EARTH_METRES * 2 * math.asin(min(1.0, chord / 2)) <= most + 0.01


def sort_values(kind: str, value: Any) -> list[Any]:
    """What a value sorts by; nothing where it has nothing to compare."""
    if kind == "date":
        interval = date_value(value)
        return [interval[0]] if interval else []
    if kind == "number":
        return [Fraction(value)]
    if kind == "string":
        return [collated(fold(s)) for s in strings(value)]
    return [collated(value.partition("|")[0] if isinstance(value, Canonical) else value)]


def collated(text: str) -> str:
    """The page leaves the order of signs to the server; decision 11 sorts five of them as URLs write them."""
    return "".join(f"%{ord(c):02X}" if c in "%|$~^" else c for c in text)
