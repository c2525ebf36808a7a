"""A second, slow reading of https://hl7.org/fhir/R4/search.html: does a resource match a parameter of a URL?

It looks at the resource itself and shares no code with the server: exact fractions, calendar arithmetic,
sentences of the page turned into conditions. Only the parameters of PARAMETERS are known.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

Resource = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
LOWEST, HIGHEST = Fraction(-(10**40)), Fraction(10**40)

UNITS = {
    "g": (Fraction(1), "g"), "mg": (Fraction(1, 1000), "g"), "kg": (Fraction(1000), "g"),
    "m": (Fraction(1), "m"), "cm": (Fraction(1, 100), "m"), "mm": (Fraction(1, 1000), "m"),
    "mg/dL": (Fraction(10), "g/m3"), "g/L": (Fraction(1000), "g/m3"), "%": (Fraction(1, 100), "1"),
    "1": (Fraction(1), "1"), "h": (Fraction(3600), "s"),
    "min": (Fraction(60), "s"), "Cel": (Fraction(1), "Cel"),
}  # fmt: skip


# --- values of a URL -----------------------------------------------------------------------------


def parts(text: str, separator: str) -> list[str]:
    """Splits where the separator is not escaped; the parts keep their escapes."""
    found, current, escaped = [], "", False
    for character in text:
        if escaped:
            current, escaped = current + "\\" + character, False
        elif character == "\\":
            escaped = True
        elif character == separator:
            found, current = [*found, current], ""
        else:
            current += character
    return [*found, current]


def plain(text: str) -> str:
    result, escaped = "", False
    for character in text:
        if escaped or character != "\\":
            result, escaped = result + character, False
        else:
            escaped = True
    return result


def prefixed(text: str) -> tuple[str, str]:
    known = text[:2] in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
    return (text[:2], text[2:]) if known else ("eq", text)


# --- dates: an interval [start, end) in milliseconds ------------------------------------------------


def _milliseconds(moment: datetime) -> Fraction:
    return Fraction((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))


def day_interval(text: str) -> tuple[Fraction, Fraction]:
    if len(text) == 4:
        year = int(text)
        return _milliseconds(datetime(year, 1, 1, tzinfo=UTC)), _milliseconds(
            datetime(year + 1, 1, 1, tzinfo=UTC)
        )
    if len(text) == 7:
        start = datetime(int(text[:4]), int(text[5:]), 1, tzinfo=UTC)
        return _milliseconds(start), _milliseconds((start + timedelta(days=32)).replace(day=1))
    if len(text) == 10:
        start = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return _milliseconds(start), _milliseconds(start + timedelta(days=1))
    moment = datetime.fromisoformat(text)
    start = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    clock = text[11:].rstrip("Z").split("+")[0].split("-")[0]
    step = timedelta(minutes=1) if len(clock) == 5 else timedelta(seconds=1)
    if "." in clock:
        step = timedelta(milliseconds=10 ** (3 - len(clock.split(".")[1])))
    return _milliseconds(start), _milliseconds(start + step)


def date_matches(stored: tuple[Fraction, Fraction], text: str) -> bool:
    prefix, rest = prefixed(text)
    start, end = day_interval(rest)
    first, last = stored
    contained = start <= first and last <= end
    return {
        "eq": contained,
        "ne": not contained,
        "gt": last > end,
        "lt": first < start,
        "ge": last > end or contained,
        "le": first < start or contained,
        "sa": first >= end,
        "eb": last <= start,
    }[prefix]


def date_values(value: Any) -> Iterator[tuple[Fraction, Fraction]]:
    if isinstance(value, str):
        yield day_interval(value)
    elif isinstance(value, dict) and (value.get("start") or value.get("end")):
        start = day_interval(value["start"])[0] if "start" in value else LOWEST
        yield start, day_interval(value["end"])[1] if "end" in value else HIGHEST


# --- numbers and quantities: an interval [low, high] --------------------------------------------------


def implied(text: str) -> tuple[Fraction, Fraction, Fraction]:
    """The number, and the range that its figures stand for: half a unit of the last one to each side."""
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    if exponent and len(mantissa.replace(".", "").lstrip("-0")) == 1:
        decimals += 1  # the page's own example: 1e2 is [95, 105)
    scale = Fraction(10) ** int(exponent or 0)
    half = Fraction(1, 2) * Fraction(10) ** -decimals * scale
    number = Fraction(mantissa) * scale
    return number, number - half, number + half


def number_matches(stored: tuple[Fraction, Fraction], text: str, factor: Fraction = Fraction(1)) -> bool:
    prefix, rest = prefixed(text)
    number, low, high = (n * factor for n in implied(rest))
    first, last = stored
    equal = low <= first and last < high
    tenth = abs(number) / 10
    return {
        "eq": equal,
        "ne": not equal,
        "gt": last > number,
        "lt": first < number,
        "ge": last >= number,
        "le": first <= number,
        "sa": first > number,
        "eb": last < number,
        "ap": first <= number + tenth and last >= number - tenth,
    }[prefix]


def quantity_matches(quantity: Resource, text: str) -> bool:
    if "value" not in quantity:
        return False
    number, *unit = (plain(p) for p in parts(text, "|"))
    stored = Fraction(quantity["value"])
    if not unit:
        return number_matches((stored, stored), number)
    system, code = unit
    if not system:
        return code in (quantity.get("code"), quantity.get("unit")) and number_matches(
            (stored, stored), number
        )
    if quantity.get("system") != system or "code" not in quantity:
        return False
    if system != UCUM:
        return bool(quantity["code"] == code) and number_matches((stored, stored), number)
    (mine, base), (theirs, asked) = UNITS[quantity["code"]], UNITS[code]
    return base == asked and number_matches((stored * mine, stored * mine), number, theirs)


# --- tokens, strings, references, URIs ----------------------------------------------------------------


def token_values(value: Any) -> Iterator[tuple[str, str]]:
    """(system, code) of a value."""
    if isinstance(value, bool):
        yield "", "true" if value else "false"
    elif isinstance(value, str):
        yield "", value
    elif isinstance(value, dict) and "coding" in value:
        for coding in value["coding"]:
            yield from token_values(coding)
    elif isinstance(value, dict):
        code = value.get("code") or value.get("value")
        if code:
            # The system of a ContactPoint says phone or email, and is no URI.
            system = value.get("system", "")
            yield system if ":" in system else "", code


def token_matches(stored: tuple[str, str], text: str) -> bool:
    system, code = stored
    pieces = [plain(p) for p in parts(text, "|")]
    if len(pieces) == 1:
        return code == pieces[0]
    return system == pieces[0] and (not pieces[1] or code == pieces[1])


def folded(text: str) -> str:
    for ligature, letters in (("œ", "oe"), ("Œ", "oe"), ("ß", "ss"), ("æ", "ae"), ("Æ", "ae")):
        text = text.replace(ligature, letters)
    kept = (c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return " ".join("".join(kept).lower().split())


def string_values(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name in ("text", "family", "given", "prefix", "suffix"):
            for text in value[name] if isinstance(value.get(name), list) else [value.get(name, "")]:
                if text:
                    yield text


def string_matches(value: Any, text: str, modifier: str) -> bool:
    asked = plain(text)
    for stored in string_values(value):
        if modifier == "exact":
            found = stored == asked
        elif modifier == "contains":
            found = folded(asked) in folded(stored)
        else:
            # In a name, words inside a part begin it as well.
            breaks = " -'" if isinstance(value, dict) else ""
            text_, start = folded(stored), folded(asked)
            found = any(
                text_.startswith(start, i) for i in range(len(text_)) if i == 0 or text_[i - 1] in breaks
            )
        if found:
            return True
    return False


def reference_matches(value: Resource, text: str, modifier: str, base_url: str) -> bool:
    if modifier == "identifier":
        return any(token_matches(t, text) for t in token_values(value.get("identifier")))
    asked, stored = plain(text), value.get("reference", "")
    if base_url:
        asked, stored = asked.removeprefix(base_url + "/"), stored.removeprefix(base_url + "/")
    if ":" in asked or ":" in stored:
        return bool(asked == stored)
    type_, _, id_ = stored.partition("/")
    wanted_type, _, wanted_id = asked.rpartition("/")
    return bool(id_ and id_ == wanted_id and type_ in (wanted_type or modifier or type_,))


# --- parameters ---------------------------------------------------------------------------------------


def _components(observation: Resource) -> list[Resource]:
    return list(observation.get("component", []))


def _present(*values: Any) -> list[Any]:
    return [v for v in values if v is not None]


Elements = Callable[[Resource], list[Any]]

PARAMETERS: dict[tuple[str, str], tuple[str, Elements]] = {
    ("Observation", "date"): (
        "date", lambda r: _present(r.get("effectiveDateTime"), r.get("effectivePeriod"))
    ),
    ("Observation", "status"): ("token", lambda r: _present(r.get("status"))),
    ("Observation", "code"): ("token", lambda r: _present(r.get("code"))),
    ("Observation", "category"): ("token", lambda r: list(r.get("category", []))),
    ("Observation", "combo-code"): (
        "token", lambda r: _present(r.get("code"), *(c.get("code") for c in _components(r)))
    ),
    ("Observation", "subject"): ("reference", lambda r: _present(r.get("subject"))),
    ("Observation", "value-string"): ("string", lambda r: _present(r.get("valueString"))),
    ("Observation", "value-quantity"): ("quantity", lambda r: _present(r.get("valueQuantity"))),
    ("Observation", "combo-value-quantity"): (
        "quantity", lambda r: _present(*(e.get("valueQuantity") for e in [r, *_components(r)]))
    ),
    ("Patient", "name"): ("string", lambda r: list(r.get("name", []))),
    ("Patient", "family"): ("string", lambda r: _present(*(n.get("family") for n in r.get("name", [])))),
    ("Patient", "birthdate"): ("date", lambda r: _present(r.get("birthDate"))),
    ("Patient", "identifier"): ("token", lambda r: list(r.get("identifier", []))),
    ("Patient", "telecom"): ("token", lambda r: list(r.get("telecom", []))),
    ("Patient", "gender"): ("token", lambda r: _present(r.get("gender"))),
    ("Patient", "active"): ("token", lambda r: _present(r.get("active"))),
    ("RiskAssessment", "probability"): (
        "number", lambda r: _present(*(p.get("probabilityDecimal") for p in r.get("prediction", [])))
    ),
    ("ValueSet", "url"): ("uri", lambda r: _present(r.get("url"))),
}  # fmt: skip

COMPOSITES: dict[tuple[str, str], Callable[[Resource], list[Resource]]] = {
    ("Observation", "code-value-quantity"): lambda r: [r],
    ("Observation", "component-code-value-quantity"): _components,
    ("Observation", "combo-code-value-quantity"): lambda r: [r, *_components(r)],
}


def matches(resource: Resource, name: str, text: str, base_url: str = "") -> bool:
    """Says whether a resource matches `name=text`."""
    code, _, modifier = name.partition(":")
    key = resource["resourceType"], code
    if key in COMPOSITES:
        return any(_composite(e, t) for e in COMPOSITES[key](resource) for t in parts(text, ","))
    kind, elements = PARAMETERS[key]
    values = elements(resource)
    if modifier == "missing":
        return (not values) == (text == "true")
    found = any(_value(kind, v, t, modifier, base_url) for v in values for t in parts(text, ","))
    return not found if modifier == "not" else found


def _composite(element: Resource, text: str) -> bool:
    code, quantity = parts(text, "$")
    tokens = token_values(element.get("code"))
    return any(token_matches(t, code) for t in tokens) and quantity_matches(
        element.get("valueQuantity", {}), quantity
    )


def _value(kind: str, value: Any, text: str, modifier: str, base_url: str) -> bool:
    if kind == "date":
        return any(date_matches(v, plain(text)) for v in date_values(value))
    if kind == "number":
        return number_matches((Fraction(value), Fraction(value)), plain(text))
    if kind == "quantity":
        return quantity_matches(value, text)
    if kind == "token":
        return any(token_matches(t, text) for t in token_values(value))
    if kind == "string":
        return string_matches(value, text, modifier)
    if kind == "reference":
        return reference_matches(value, text, modifier, base_url)
    asked = plain(text)
    return bool(value.startswith(asked) if modifier == "below" else value == asked)
