"""Quantities: FHIR's and the literals' as one value with a unit. https://hl7.org/fhir/R4/fhirpath.html#quantity"""

from __future__ import annotations

from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import NamedTuple

from fhir_server.fhirpath.node import Node

EXACT = Context(prec=60, Emax=1000, Emin=-1000, traps=[InvalidOperation, DivisionByZero, Overflow])
"""Wide enough for the product of three FHIR decimals (18 digits); what overflows it has no value."""
UCUM = "http://unitsofmeasure.org"
_CALENDAR_OF_UCUM = {
    "a": "year",
    "mo": "month",
    "wk": "week",
    "d": "day",
    "h": "hour",
    "min": "minute",
    "s": "second",
    "ms": "millisecond",
}
# Unit → (dimension, size). Years and months have no fixed size; as UCUM units they are another dimension.
_SIZES: dict[str, tuple[str, Decimal]] = {
    "millisecond": ("time", Decimal("0.001")),
    "ms": ("time", Decimal("0.001")),
    "second": ("time", Decimal(1)),
    "s": ("time", Decimal(1)),
    "minute": ("calendar time", Decimal(60)),
    "hour": ("calendar time", Decimal(3600)),
    "day": ("calendar time", Decimal(86400)),
    "week": ("calendar time", Decimal(604800)),
    "min": ("definite time", Decimal(60)),
    "h": ("definite time", Decimal(3600)),
    "d": ("definite time", Decimal(86400)),
    "wk": ("definite time", Decimal(604800)),
    "year": ("calendar months", Decimal(12)),
    "month": ("calendar months", Decimal(1)),
    "a": ("definite years", Decimal(1)),
}
_OF_SECONDS = ("time", "calendar time", "definite time")


class Amount(NamedTuple):
    """A number with its unit: a calendar duration (year), or a UCUM or other code ('mg')."""

    value: Decimal
    unit: str


def amount_of(node: Node) -> Amount | None:
    """Returns the amount of a Quantity, or of a number as unit '1'; None where it has no value."""
    value, type_name, _ = node
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return Amount(Decimal(value), "1")
    if not isinstance(value, dict) or value.get("comparator"):
        return None
    number = value.get("value")
    if not isinstance(number, (int, Decimal)) or isinstance(number, bool):
        return None
    code = value.get("code")
    unit = code if code is not None else value.get("unit", "1")
    if type_name != "System.Quantity" and value.get("system") == UCUM:
        unit = _CALENDAR_OF_UCUM.get(str(unit), unit)
    return Amount(Decimal(number), str(unit))


def in_one_unit(left: Amount, right: Amount, *, loosely: bool = False) -> tuple[Decimal, Decimal] | None:
    """Returns two amounts as numbers of one unit; None where their units cannot be compared.

    Calendar durations above the second are definite durations only loosely (for equivalence).
    """
    if left.unit == right.unit:
        return left.value, right.value
    if loosely:
        left, right = (a._replace(unit=_CALENDAR_OF_UCUM.get(a.unit, a.unit)) for a in (left, right))
    one, other = _SIZES.get(left.unit), _SIZES.get(right.unit)
    if one is None or other is None or not _same_dimension(one[0], other[0]):
        return None
    try:
        return EXACT.multiply(left.value, one[1]), EXACT.multiply(right.value, other[1])
    except (InvalidOperation, Overflow):
        return None


def _same_dimension(one: str, other: str) -> bool:
    if one == other:
        return True
    return "time" in (one, other) and one in _OF_SECONDS and other in _OF_SECONDS


def calendar_of_word(word: str) -> str | None:
    """Returns the calendar duration a word names (year, years), None of another word."""
    singular = word.removesuffix("s")
    return singular if singular in _CALENDAR_OF_UCUM.values() else None


def calendar_unit(amount: Amount) -> str | None:
    """Returns the calendar duration of an amount, for date arithmetic; None where it is no duration.

    UCUM 'a' and 'mo' are no calendar durations: their length is a mean.
    """
    if amount.unit in ("a", "mo"):
        return None
    unit = _CALENDAR_OF_UCUM.get(amount.unit, amount.unit)
    return unit if unit in _CALENDAR_OF_UCUM.values() else None
