"""Partial dates as intervals, numbers with their precision, ids."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.primitives import is_id, parse_number, parse_partial_date

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


@given(st.dates(max_value=date(9998, 12, 31)))
def test_a_day_covers_its_24_hours_and_lies_in_its_month_and_year(day: date) -> None:
    start = milliseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
    interval = parse_partial_date(day.isoformat())
    month, year = parse_partial_date(day.isoformat()[:7]), parse_partial_date(day.isoformat()[:4])
    assert interval == (start, start + 86_400_000)
    assert month is not None
    assert year is not None
    assert year.lo <= month.lo <= start < month.hi <= year.hi


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_a_time_counts_from_its_zone(moment: datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=0, year=max(2, min(moment.year, 9998)))
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    start = milliseconds(moment.replace(tzinfo=UTC)) - minutes * 60_000
    assert parse_partial_date(moment.isoformat() + zone) == (start, start + 1000)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2024-02-29T10:00Z", 60_000),
        ("2024-02-29T10:00", 60_000),
        ("2024-02-29T23:59:60Z", 1000),
        ("2024-02-29T10:00:00.1Z", 100),
        ("2024-02-29T10:00:00.12Z", 10),
        ("2024-02-29T10:00:00.123Z", 1),
        ("2024-02-29T10:00:00.123456789Z", 1),
        ("9999-12-31", 86_400_000),
        ("9999-12", 31 * 86_400_000),
        ("9999", 365 * 86_400_000),
        ("0001", 365 * 86_400_000),
    ],
)
def test_precision_decides_how_long_an_interval_is(text: str, length: int) -> None:
    interval = parse_partial_date(text)
    assert interval is not None
    assert interval.hi - interval.lo == length


@pytest.mark.parametrize(
    "text",
    ["", "20", "0000", "2024-13", "2024-00", "2023-02-29", "2024-02-30", "2024-1-1", "2024-01-01T24:00Z",
     "2024-01-01T10:60Z", "2024-01-01T10:00:61Z", "2024-01-01T10Z", "2024-01-01T10:00:00+14:01",
     "2024-01-01T10:00:00+10:60", "2024-01-01T10:00:00.Z", "2024-01-01 10:00", "٢٠٢٤", "2024\n", "1" * 10_000,
     "2024-01-01T10:00:00." + "1" * 33 + "Z"],
)  # fmt: skip
def test_what_is_no_date_has_no_interval(text: str) -> None:
    assert parse_partial_date(text) is None


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("1e2", "95", "105"),
        ("1.00e2", "99.5", "100.5"),
        ("1.0E2", "95", "105"),
        ("-1.5", "-1.55", "-1.45"),
        ("0", "-0.5", "0.5"),
        ("0.10", "0.095", "0.105"),
        ("5.40e-3", "0.005395", "0.005405"),
        ("1e-308", "0.95e-308", "1.05e-308"),
    ],
)
def test_a_number_stands_for_the_range_its_figures_imply(text: str, low: str, high: str) -> None:
    number = parse_number(text)
    assert number is not None
    assert (number.lo, number.hi) == (Decimal(low), Decimal(high))
    assert number.value == Decimal(text)


@pytest.mark.parametrize(
    "text", ["", "-", "1.", ".5", "1e", "e5", "+1", "1e309", "1e99999", "NaN", "Infinity", "1_0", "٣",
    "9" * 65, "1 "]
)  # fmt: skip
def test_what_is_no_number_in_bounds_is_refused(text: str) -> None:
    assert parse_number(text) is None


def test_more_than_64_figures_are_refused_wherever_the_point_is() -> None:
    assert parse_number("1" * 40 + "." + "1" * 24) is not None
    assert parse_number("1" * 40 + "." + "1" * 25) is None


def test_ids_have_64_characters_of_the_alphabet() -> None:
    assert is_id("a-B.9")
    assert is_id("a" * 64)
    assert not any(is_id(i) for i in ("", "a" * 65, "a/b", "a b", "é", "a\n", None, 5))
