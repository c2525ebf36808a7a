"""Dates and times of any precision: comparison and arithmetic.

http://hl7.org/fhirpath/N1/#datetime-comparison, http://hl7.org/fhirpath/N1/#datetime-arithmetic
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

_TIME = r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?)?"
_ZONE = r"(Z|[+-]\d\d:\d\d)"
_FORMATS = {
    "Date": re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII),
    "DateTime": re.compile(rf"(\d{{4}})(?:-(\d\d)(?:-(\d\d)(?:T(?:{_TIME})?{_ZONE}?)?)?)?T?", re.ASCII),
    "Time": re.compile(_TIME, re.ASCII),
}
SECOND = 1_000_000_000
_LONGEST = 60

PRECISIONS = ("year", "month", "day", "hour", "minute", "second")
# One unit in the next finer one; months and years as the standard counts them in partial dates.
_SPAN = {"week": 7 * 86400, "day": 86400, "hour": 3600, "minute": 60, "second": 1}
_IN_DAYS = {"year": 365, "month": 30, "week": 7, "day": 1}


class Temporal(NamedTuple):
    """A Date, DateTime or Time to its own precision."""

    kind: str
    fields: tuple[int, ...]
    """Year, month, day, hour, minute, nanoseconds of the minute; of a Time the last three."""
    zone: str
    """Z, +02:00 … or "" """
    digits: int
    """Digits of the fraction of a second."""


@lru_cache(maxsize=8192)
def parse_temporal(text: str, kind: str) -> Temporal | None:
    """Parses a Date, DateTime or Time; None when the text is none."""
    match = _FORMATS[kind].fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    groups = list(match.groups())
    zone = (groups.pop() or "") if kind == "DateTime" else ""
    fraction = groups.pop() or "" if kind != "Date" else ""
    fields = [int(group) for group in groups if group is not None]
    complete = 3 if kind == "Time" else 6
    if kind != "Date" and len(fields) == complete:
        fields[-1] = fields[-1] * SECOND + int(fraction.ljust(9, "0"))
    temporal = Temporal(kind, tuple(fields), zone, len(fraction))
    return temporal if _instant(temporal) is not None else None


def _instant(temporal: Temporal) -> datetime | None:
    """Returns the first instant of a value, its nanoseconds left out; None when the calendar has none."""
    fields = temporal.fields
    if temporal.kind == "Time":
        fields = (2000, 1, 1, *fields)
    year, month, day, hour, minute, nanoseconds = (*fields, *(1, 1, 1, 0, 0, 0)[len(fields) :])
    try:
        # A leap second is written as :60; it begins with the last second of its minute here.
        return datetime(year, month, day, hour, minute, min(nanoseconds // SECOND, 59))
    except ValueError:
        return None


def zone_minutes(zone: str) -> int:
    """Returns the offset of a zone from UTC in minutes."""
    if zone in ("", "Z"):
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def utc_fields(temporal: Temporal) -> tuple[int, ...]:
    """Returns the fields of a value moved to UTC."""
    minutes = zone_minutes(temporal.zone)
    instant = _instant(temporal)
    if not minutes or instant is None:
        return temporal.fields
    try:
        moved = instant - timedelta(minutes=minutes)
    except OverflowError:
        return temporal.fields
    fields = (moved.year, moved.month, moved.day, moved.hour, moved.minute, temporal.fields[-1])
    return fields[: len(temporal.fields)]


def compare_temporal(left: Temporal, right: Temporal) -> int | None:
    """Returns -1, 0 or 1; None where the precisions leave it open, or where a time meets a date."""
    if (left.kind == "Time") != (right.kind == "Time"):
        return None
    a, b = left.fields, right.fields
    if left.kind != "Time" and len(a) > 3 and len(b) > 3:
        a, b = utc_fields(left), utc_fields(right)
    for x, y in zip(a, b, strict=False):
        if x != y:
            return -1 if x < y else 1
    return 0 if len(a) == len(b) else None


def add_duration(temporal: Temporal, value: Decimal, unit: str) -> Temporal | None:
    """Returns a value moved by a calendar duration; None beyond years 1 to 9999."""
    precisions = PRECISIONS[3:] if temporal.kind == "Time" else PRECISIONS
    finest = precisions[len(temporal.fields) - 1]
    instant = _instant(temporal)
    if instant is None or abs(value) > 10**12:
        return None
    amount, unit = _to_precision(value, unit, finest)
    try:
        if unit in ("year", "month"):
            moved = _add_months(instant, int(amount) * (12 if unit == "year" else 1))
            nanoseconds = temporal.fields[-1] % SECOND if finest == "second" else 0
        else:
            moved, nanoseconds = _add_seconds(instant, temporal, amount * _SPAN[unit])
    except (OverflowError, ValueError):
        return None
    return _rebuild(temporal, moved, nanoseconds)


def _to_precision(value: Decimal, unit: str, finest: str) -> tuple[Decimal, str]:
    """Returns a duration in whole units no finer than the precision of the value it is added to."""
    if unit == "millisecond":
        value, unit = value / 1000, "second"
    if unit != "second":
        value = Decimal(int(value))
    coarse = PRECISIONS.index(finest)
    if (unit == "week" and coarse >= 2) or (unit != "week" and PRECISIONS.index(unit) <= coarse):
        return value, unit
    if finest in ("year", "month"):
        if unit == "month":
            return Decimal(int(value / 12)), "year"
        days = value * _SPAN[unit] / 86400
        return Decimal(int(days / _IN_DAYS[finest])), finest
    return Decimal(int(value * _SPAN[unit] / _SPAN[finest])), finest


def _add_months(instant: datetime, months: int) -> datetime:
    count = instant.year * 12 + instant.month - 1 + months
    year, month = divmod(count, 12)
    for day in range(instant.day, 27, -1):
        try:
            return instant.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return instant.replace(year=year, month=month + 1, day=min(instant.day, 28))


def _add_seconds(instant: datetime, temporal: Temporal, seconds: Decimal) -> tuple[datetime, int]:
    precise = len(temporal.fields) == (3 if temporal.kind == "Time" else 6)
    total = int(seconds * SECOND) + (temporal.fields[-1] % SECOND if precise else 0)
    whole, nanoseconds = divmod(total, SECOND)
    if temporal.kind == "Time":
        whole %= 86400
    return instant + timedelta(seconds=whole), nanoseconds


def _rebuild(temporal: Temporal, moved: datetime, nanoseconds: int) -> Temporal:
    fields: tuple[int, ...] = (
        moved.year,
        moved.month,
        moved.day,
        moved.hour,
        moved.minute,
        moved.second * SECOND + nanoseconds,
    )
    if temporal.kind == "Time":
        fields = fields[3:]
    digits = temporal.digits or (3 if nanoseconds else 0)
    return Temporal(temporal.kind, fields[: len(temporal.fields)], temporal.zone, digits)


def format_temporal(temporal: Temporal) -> str:
    """Writes a value to its precision, as JSON holds it."""
    fields = temporal.fields
    if temporal.kind == "Time":
        return _format_time(fields, temporal.digits)
    text = f"{fields[0]:04d}" + "".join(f"-{field:02d}" for field in fields[1:3])
    if len(fields) > 3:
        text += "T" + _format_time(fields[3:], temporal.digits)
    return text + temporal.zone


def _format_time(fields: tuple[int, ...], digits: int) -> str:
    text = ":".join(f"{field:02d}" for field in fields[:2])
    if len(fields) == 3:
        seconds, nanoseconds = divmod(fields[2], SECOND)
        text += f":{seconds:02d}"
        if digits:
            text += "." + f"{nanoseconds:09d}"[:digits]
    return text
