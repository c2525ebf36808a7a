"""Primitive values as search sees them: ids, partial dates as intervals, numbers with their precision.

https://hl7.org/fhir/R4/datatypes.html#primitive, https://hl7.org/fhir/R4/search.html#number
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple

EARLIEST = -(2**53)
LATEST = 2**53
"""Open ends of a period in milliseconds: beyond every FHIR date, exact as a double."""

MAX_DIGITS = 64
MAX_EXPONENT = 308

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_DATE = re.compile(
    r"(?P<year>\d{4})"
    r"(?:-(?P<month>\d\d)"
    r"(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,32}))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_NUMBER = re.compile(
    r"(?P<sign>-?)(?P<whole>\d{1,64})(?:\.(?P<fraction>\d{1,64}))?(?P<exponent>[eE][+-]?\d{1,4})?", re.ASCII
)
_DAY = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


class Interval(NamedTuple):
    """Milliseconds since the epoch, hi excluded."""

    lo: int
    hi: int


class Precise(NamedTuple):
    """A number as written, and the half-open range that its significant figures stand for."""

    value: Decimal
    lo: Decimal
    hi: Decimal
    digits: int
    """Significant figures."""


def is_id(text: object) -> bool:
    """True for a logical id: 1 to 64 of A-Z a-z 0-9 - and point."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


@lru_cache(maxsize=16_384)
def parse_partial_date(text: str) -> Interval | None:
    """Returns the interval a date, dateTime or instant covers, None when it is none.

    A time without a zone and a date are taken as UTC. A time may stop at the minutes (search.html#date).
    Precision beyond the millisecond is the millisecond.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        if match["hour"] is None:
            return _days(int(match["year"]), match["month"], match["day"])
        return _time(match)
    except ValueError:  # no such month, day, hour or zone
        return None


def _days(year: int, month: str | None, day: str | None) -> Interval:
    if day is not None and month is not None:
        first = date(year, int(month), int(day)).toordinal()
        return Interval((first - _EPOCH) * _DAY, (first + 1 - _EPOCH) * _DAY)
    if month is None:
        first = date(year, 1, 1).toordinal()
        after = date(year, 12, 31).toordinal() + 1
    else:
        number = int(month)
        first = date(year, number, 1).toordinal()
        after = date(year, 12, 31).toordinal() + 1 if number == 12 else date(year, number + 1, 1).toordinal()
    return Interval((first - _EPOCH) * _DAY, (after - _EPOCH) * _DAY)


def _time(match: re.Match[str]) -> Interval:
    start = (date(int(match["year"]), int(match["month"]), int(match["day"])).toordinal() - _EPOCH) * _DAY
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError("no such time")
    start += (hour * 60 + minute) * 60_000 + second * 1000 - _offset(match["zone"])
    if match["second"] is None:
        return Interval(start, start + 60_000)
    if match["fraction"] is None:
        return Interval(start, start + 1000)
    digits = match["fraction"]
    start += int(digits[:3].ljust(3, "0"))
    return Interval(start, start + 10 ** max(0, 3 - len(digits)))


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    if minutes > 14 * 60 or int(zone[4:6]) > 59:
        raise ValueError("no such time zone")
    return minutes * (60_000 if zone[0] == "+" else -60_000)


def parse_number(text: str) -> Precise | None:
    """Returns a number written in a search with its implicit range, None when it is no number.

    https://hl7.org/fhir/R4/search.html#number: 100 is [99.5, 100.5), 100.00 is [99.995, 100.005). The page
    says that 1.00e2 has three figures and that 1e2 is [95, 105): a single figure with an exponent counts as
    two.
    """
    match = _NUMBER.fullmatch(text)
    if match is None or abs(int((match["exponent"] or "e0")[1:])) > MAX_EXPONENT:
        return None
    value = Decimal(text)
    written = (match["whole"] + (match["fraction"] or "")).lstrip("0")
    if len(written) > MAX_DIGITS:
        return None
    exponent = int(value.as_tuple().exponent)
    if match["exponent"] and len(written) == 1:
        exponent -= 1
    with localcontext() as context:
        context.prec = 2 * MAX_DIGITS + 8
        half = Decimal(5).scaleb(exponent - 1)
        return Precise(value, value - half, value + half, len(written))
