"""Quantity parameters: number, system and unit; UCUM units compare in canonical form.

https://hl7.org/fhir/R4/search.html#quantity
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from fhir_server.fhir.ucum import UCUM_SYSTEM, canonical_unit
from fhir_server.fhirpath.node import Node
from fhir_server.search.entries import Filter, escape, hash_system, prefix_range
from fhir_server.search.escapes import split, unescape
from fhir_server.search.parameters.number import (
    LARGEST,
    NumberValue,
    as_double,
    bounds,
    number_value,
    parse_precise,
)
from fhir_server.search.parameters.parameter_type import Asked, Match, ParameterType
from fhir_server.search.parameters.prefix import read_prefix

RangeEntry = tuple[str, float, float]

CURRENCY_SYSTEM = "urn:iso:std:iso:4217"
_MAX_SAMPLES = 10_000
_SAMPLE = re.compile(r"-?\d{1,32}(?:\.\d{1,32})?", re.ASCII)

Ends = tuple[Decimal | None, Decimal | None]
"""A number twice, or the ends of a range; None is open."""


class QuantityValue(NamedTuple):
    """A number, and the unit part of the keys it may stand under."""

    number: NumberValue
    key: str
    """mg|<hash> in canonical units, ~mg for a unit as written, ~ for any."""


def extract(node: Node, base_url: str) -> list[RangeEntry]:
    """Returns a quantity in canonical units and as written."""
    value = node[0]
    if isinstance(value, dict):
        return _STRUCTURES.get(node[1], _from_quantity)(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return []
    return _entries((Decimal(value), Decimal(value)), {})


def _from_quantity(value: dict[str, Any]) -> list[RangeEntry]:
    number = _number(value.get("value"))
    if number is None:
        return []
    comparator = value.get("comparator")
    if comparator in ("<", "<="):
        return _entries((None, number), value, open_ends=comparator == "<")
    if comparator in (">", ">="):
        return _entries((number, None), value, open_ends=comparator == ">")
    return _entries((number, number), value)


def _from_range(value: dict[str, Any]) -> list[RangeEntry]:
    low, high = value.get("low"), value.get("high")
    low, high = low if isinstance(low, dict) else {}, high if isinstance(high, dict) else {}
    ends = _number(low.get("value")), _number(high.get("value"))
    return [] if ends == (None, None) else _entries(ends, {**high, **low})


def _from_money(value: dict[str, Any]) -> list[RangeEntry]:
    number = _number(value.get("value"))
    unit = {"system": CURRENCY_SYSTEM, "code": value.get("currency")}
    return [] if number is None else _entries((number, number), unit)


def _from_sampled(value: dict[str, Any]) -> list[RangeEntry]:
    """Returns the range between the lowest and the highest sample."""
    origin, samples = value.get("origin"), value.get("data")
    if not isinstance(origin, dict) or not isinstance(samples, str):
        return []
    start, factor = _number(origin.get("value")), _number(value.get("factor")) or Decimal(1)
    numbers = [Decimal(s) for s in samples.split()[:_MAX_SAMPLES] if _SAMPLE.fullmatch(s)]
    if start is None or not numbers:
        return []
    ends = sorted((start + min(numbers) * factor, start + max(numbers) * factor))
    return _entries((ends[0], ends[1]), origin)


_STRUCTURES = {"Range": _from_range, "Money": _from_money, "SampledData": _from_sampled}


def _number(value: Any) -> Decimal | None:
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def _entries(ends: Ends, unit: dict[str, Any], *, open_ends: bool = False) -> list[RangeEntry]:
    code, system, written = unit.get("code"), unit.get("system"), unit.get("unit")
    entries: list[RangeEntry] = []
    if isinstance(code, str) and isinstance(system, str) and code and system:
        factor, key = _canonical(system, code)
        entries.append((f"={key}", *_doubles(ends, factor, open_ends=open_ends)))
    as_written = _doubles(ends, Fraction(1), open_ends=open_ends)
    names = dict.fromkeys(n for n in (code, written) if isinstance(n, str) and n) or {"": None}
    return entries + [(f"=~{escape(name)}", *as_written) for name in names]


def _canonical(system: str, code: str) -> tuple[Fraction, str]:
    canonical = canonical_unit(code) if system == UCUM_SYSTEM else None
    factor, unit = canonical or (Fraction(1), code)
    return factor, f"{escape(unit)}|{hash_system(system)}"


def _doubles(ends: Ends, factor: Fraction, *, open_ends: bool) -> tuple[float, float]:
    low, high = ends
    lo = -LARGEST if low is None else _scaled(low, factor)
    hi = LARGEST if high is None else lo if high is low else _scaled(high, factor)
    if open_ends:
        # "<5" never equals 5: the end of the interval is the double before.
        return (lo, math.nextafter(hi, -math.inf)) if low is None else (math.nextafter(lo, math.inf), hi)
    return lo, hi


def _scaled(number: Decimal, factor: Fraction) -> float:
    return as_double(number if factor == 1 else Fraction(number) * factor)


def parse(text: str, asked: Asked) -> QuantityValue:
    """Reads [prefix]number, number|system|code or number||code."""
    parts = [unescape(p) for p in split(text, "|")]
    prefix, rest = read_prefix(parts[0])
    number = parse_precise(rest, asked)
    if len(parts) == 1:
        return QuantityValue(number_value(prefix, number, Fraction(1)), "~")
    if len(parts) != 3:
        raise asked.refuse("a quantity is number, number|system|code or number||code")
    system, code = parts[1:]
    if not system:
        return QuantityValue(number_value(prefix, number, Fraction(1)), f"~{escape(code)}")
    if not code:
        raise asked.refuse("a quantity with a system needs a code")
    factor, key = _canonical(system, code)
    return QuantityValue(number_value(prefix, number, factor), key)


def match(code: str, modifier: str, value: QuantityValue) -> Match:
    """Returns the filter of one quantity."""
    start = f"{code}={value.key}"
    key: Any = prefix_range(start) if value.key == "~" else start
    return {"r": {"$elemMatch": {"k": key, **bounds(value.number)}}}


def bounds_of(value: QuantityValue) -> Filter:
    """Returns what lo and hi of an entry must satisfy."""
    return bounds(value.number)


QUANTITY = ParameterType("r", frozenset({"missing"}), extract, parse, match, bounds=bounds_of)
