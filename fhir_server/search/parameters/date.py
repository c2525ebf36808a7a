"""Date parameters: intervals and prefixes. https://hl7.org/fhir/R4/search.html#date"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_server.fhir.primitives import EARLIEST, LATEST, Interval, parse_partial_date
from fhir_server.fhirpath.node import Node
from fhir_server.search.entries import Filter
from fhir_server.search.escapes import unescape
from fhir_server.search.parameters.parameter_type import Asked, Match, ParameterType
from fhir_server.search.parameters.prefix import read_prefix

RangeEntry = tuple[str, float, float]


class DateValue(NamedTuple):
    """A prefix and the interval [lo, hi) of the date as written."""

    prefix: str
    lo: int
    hi: int


def extract(node: Node, base_url: str) -> list[RangeEntry]:
    """Returns the interval of a date, a Period, or the outer limits of a Timing."""
    value = node[0]
    interval: Interval | None = None
    if isinstance(value, str):
        interval = parse_partial_date(value)
    elif isinstance(value, dict):
        interval = _from_timing(value) if node[1] == "Timing" else from_period(value)
    return [] if interval is None else [("", interval[0], interval[1])]


def from_period(value: dict[str, Any]) -> Interval | None:
    """Returns start to end, open where one of them is missing; None for neither."""
    start, end = _interval(value.get("start")), _interval(value.get("end"))
    if start is None and end is None:
        return None
    return Interval(start.lo if start else EARLIEST, end.hi if end else LATEST)


def _from_timing(value: dict[str, Any]) -> Interval | None:
    """The schedule's details do not count, only its outer limits."""
    found = [_interval(e) for e in value.get("event") or ()]
    repeat = value.get("repeat")
    bounds = repeat.get("boundsPeriod") if isinstance(repeat, dict) else None
    if isinstance(bounds, dict):
        found.append(from_period(bounds))
    intervals = [i for i in found if i is not None]
    return Interval(min(i.lo for i in intervals), max(i.hi for i in intervals)) if intervals else None


def _interval(text: Any) -> Interval | None:
    return parse_partial_date(text) if isinstance(text, str) else None


def parse(text: str, asked: Asked) -> DateValue:
    """Reads a prefix and a date; `ap` widens it by a tenth of its distance from now."""
    prefix, rest = read_prefix(unescape(text))
    # "+" in a URL that was not encoded arrives as a space.
    interval = parse_partial_date(rest.replace(" ", "+"))
    if interval is None:
        raise asked.refuse(
            "not a date: [prefix]yyyy, yyyy-mm, yyyy-mm-dd or yyyy-mm-ddThh:mm[:ss[.sss]][zone]"
        )
    if prefix != "ap":
        return DateValue(prefix, interval.lo, interval.hi)
    now = int(time.time() * 1000)
    margin = max(now - interval.hi, interval.lo - now, 0) // 10
    return DateValue(prefix, interval.lo - margin, interval.hi + margin)


_PREFIXES: dict[str, Callable[[int, int], Filter]] = {
    "eq": lambda lo, hi: {"lo": {"$gte": lo}, "hi": {"$lte": hi}},
    "ne": lambda lo, hi: {"$or": [{"lo": {"$lt": lo}}, {"hi": {"$gt": hi}}]},
    "gt": lambda lo, hi: {"hi": {"$gt": hi}},
    "lt": lambda lo, hi: {"lo": {"$lt": lo}},
    "ge": lambda lo, hi: {"$or": [{"hi": {"$gt": hi}}, {"lo": {"$gte": lo}, "hi": {"$lte": hi}}]},
    "le": lambda lo, hi: {"$or": [{"lo": {"$lt": lo}}, {"lo": {"$gte": lo}, "hi": {"$lte": hi}}]},
    "sa": lambda lo, hi: {"lo": {"$gte": hi}},
    "eb": lambda lo, hi: {"hi": {"$lte": lo}},
    "ap": lambda lo, hi: {"lo": {"$lt": hi}, "hi": {"$gt": lo}},
}
"""https://hl7.org/fhir/R4/search.html#prefix, the resource's interval against [lo, hi)."""


def bounds(value: DateValue) -> Filter:
    """Returns what lo and hi of an entry must satisfy."""
    return _PREFIXES[value.prefix](value.lo, value.hi)


def match(code: str, modifier: str, value: DateValue) -> Match:
    """Returns the filter of one date."""
    return {"r": {"$elemMatch": {"k": code, **bounds(value)}}}


DATE = ParameterType("r", frozenset({"missing"}), extract, parse, match, bounds=bounds)
