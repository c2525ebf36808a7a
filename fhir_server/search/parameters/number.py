"""Number parameters: values and implicit precision. https://hl7.org/fhir/R4/search.html#number

What is stored is a point, or a Range's two ends, hi included; the precision that counts is that of the
query: eq and ne look into the range that its figures imply, the other prefixes at the number itself. Numbers
are doubles: the nearest one, which keeps the order. Beyond 15 figures, where neighbouring decimals share a
double, eq takes in both ends of its range, so that a value is always found by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from fhir_server.fhir.primitives import Precise, parse_number
from fhir_server.fhirpath.node import Node
from fhir_server.search.entries import Filter
from fhir_server.search.escapes import unescape
from fhir_server.search.parameters.parameter_type import Asked, Match, ParameterType
from fhir_server.search.parameters.prefix import read_prefix

RangeEntry = tuple[str, float, float]

LARGEST = 1.7976931348623157e308
_DOUBLE_DIGITS = 15


class NumberValue(NamedTuple):
    """A prefix, the number, and the range it stands for."""

    prefix: str
    at: float
    lo: float
    hi: float
    closed: bool
    """The range includes hi: more figures than a double has."""


def as_double(number: Decimal | Fraction | int) -> float:
    """Returns the nearest double, the largest for what is beyond."""
    try:
        double = float(number)
    except OverflowError:
        double = math.inf if number > 0 else -math.inf
    return min(max(double, -LARGEST), LARGEST)


def extract(node: Node, base_url: str) -> list[RangeEntry]:
    """Returns the point of a number, the two ends of a Range."""
    value = node[0]
    if isinstance(value, dict):
        low, high = _end(value.get("low")), _end(value.get("high"))
        if low is None and high is None:
            return []
        return [("", -LARGEST if low is None else low, LARGEST if high is None else high)]
    point = _point(value)
    return [] if point is None else [("", point, point)]


def _end(quantity: Any) -> float | None:
    return _point(quantity.get("value")) if isinstance(quantity, dict) else None


def _point(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return as_double(value)


def parse(text: str, asked: Asked) -> NumberValue:
    """Reads a prefix and a number."""
    prefix, rest = read_prefix(unescape(text))
    return number_value(prefix, parse_precise(rest, asked), Fraction(1))


def parse_precise(text: str, asked: Asked) -> Precise:
    """Reads a number with its precision; raises Invalid."""
    number = parse_number(text)
    if number is None:
        raise asked.refuse("not a number: [prefix]number, up to 64 figures and an exponent up to 308")
    return number


def number_value(prefix: str, number: Precise, factor: Fraction) -> NumberValue:
    """Returns the value asked for, in the unit that `factor` leads to."""
    at = Fraction(number.value) * factor
    if prefix == "ap":
        lo, hi = sorted((at * Fraction(9, 10), at * Fraction(11, 10)))
    else:
        lo, hi = Fraction(number.lo) * factor, Fraction(number.hi) * factor
    low, high = as_double(lo), as_double(hi)
    closed = number.digits > _DOUBLE_DIGITS
    if closed:
        low, high = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)
    return NumberValue(prefix, as_double(at), low, high, closed)


def _equal(value: NumberValue) -> Filter:
    return {"lo": {"$gte": value.lo}, "hi": {"$lte" if value.closed else "$lt": value.hi}}


def _unequal(value: NumberValue) -> Filter:
    return {"$or": [{"lo": {"$lt": value.lo}}, {"hi": {"$gt" if value.closed else "$gte": value.hi}}]}


_PREFIXES: dict[str, Callable[[NumberValue], Filter]] = {
    "eq": _equal,
    "ne": _unequal,
    "gt": lambda v: {"hi": {"$gt": v.at}},
    "lt": lambda v: {"lo": {"$lt": v.at}},
    "ge": lambda v: {"hi": {"$gte": v.at}},
    "le": lambda v: {"lo": {"$lte": v.at}},
    "sa": lambda v: {"lo": {"$gt": v.at}},
    "eb": lambda v: {"hi": {"$lt": v.at}},
    "ap": lambda v: {"lo": {"$lte": v.hi}, "hi": {"$gte": v.lo}},
}


def bounds(value: NumberValue) -> Filter:
    """Returns what lo and hi of an entry must satisfy."""
    return _PREFIXES[value.prefix](value)


def match(code: str, modifier: str, value: NumberValue) -> Match:
    """Returns the filter of one number."""
    return {"r": {"$elemMatch": {"k": code, **bounds(value)}}}


NUMBER = ParameterType("r", frozenset({"missing"}), extract, parse, match, bounds=bounds)
