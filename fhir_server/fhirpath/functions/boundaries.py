"""lowBoundary() and highBoundary(): the least and the greatest value that a partial value may mean.

http://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time
"""

from __future__ import annotations

from calendar import monthrange
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, DecimalException

from fhir_server.fhirpath.functions.signature import Function, Table
from fhir_server.fhirpath.functions.subsetting import whole_number
from fhir_server.fhirpath.node import EMPTY, Collection, FhirPathError, Node, State, Step, single
from fhir_server.fhirpath.quantity import EXACT, amount_of
from fhir_server.fhirpath.temporal import SECOND, Temporal, format_temporal, parse_temporal
from fhir_server.fhirpath.types import KINDS

_DECIMAL_PLACES = 8
_MAX_PLACES = 28
_MILLISECONDS = 3
_MAX_DIGITS = 9
# Digits of a value → its fields; one more stands for the fraction of its second.
_FIELDS = {
    "Date": {4: 1, 6: 2, 8: 3},
    "DateTime": {4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 6, 17: 7},
    "Time": {2: 1, 4: 2, 6: 3, 9: 4},
}
_LOWEST = (1, 1, 1, 0, 0, 0)
_HIGHEST = (9999, 12, 31, 23, 59, 60 * SECOND - 1)
# Where no zone is given it may be any: the day begins at +14:00 and ends at -12:00.
_ZONES = {False: "+14:00", True: "-12:00"}


def _of_decimal(value: Decimal, precision: int | None, *, high: bool) -> Decimal | None:
    """Returns the bound of a number that was rounded to the places it is written with."""
    exponent = value.as_tuple().exponent
    written = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    places = max(_DECIMAL_PLACES, written + 1) if precision is None else precision
    if not 0 <= places <= _MAX_PLACES:
        return None
    half = Decimal(5).scaleb(-written - 1)
    try:
        bound = EXACT.add(value, half) if high else EXACT.subtract(value, half)
        return bound.quantize(
            Decimal(1).scaleb(-places), ROUND_CEILING if high else ROUND_FLOOR, context=EXACT
        )
    except DecimalException:
        return None


def _of_temporal(temporal: Temporal, precision: int | None, *, high: bool) -> Temporal | None:
    """Returns a date or time with the fields it lacks filled, and those it has too many cut off."""
    lengths = _FIELDS[temporal.kind]
    count = lengths[max(lengths)] if precision is None else lengths.get(precision)
    if count is None:
        return None
    skipped = 3 if temporal.kind == "Time" else 0
    whole = 6 - skipped
    fields = list(temporal.fields)
    for at in range(len(fields), whole):
        bound = (_HIGHEST if high else _LOWEST)[at + skipped]
        if high and at + skipped == 2:
            bound = monthrange(fields[0], fields[1])[1]
        fields.append(bound)
    digits = max(_MILLISECONDS, temporal.digits) if precision is None else _MILLISECONDS
    if high and len(temporal.fields) == whole:
        fields[-1] += 10 ** (_MAX_DIGITS - temporal.digits) - 1
    fields = fields[:count]
    zone = temporal.zone
    if temporal.kind == "DateTime":
        zone = "" if len(fields) <= 3 else zone or _ZONES[high]
    return Temporal(temporal.kind, tuple(fields), zone, digits if count > whole else 0)


def _bound(node: Node, precision: int | None, name: str, *, high: bool) -> Collection:
    kind = KINDS.get(node.type)
    if kind in ("Integer", "Decimal"):
        number = _of_decimal(Decimal(node.value), precision, high=high)
        return EMPTY if number is None else [Node(number, "System.Decimal", None)]
    if kind == "Quantity":
        amount = amount_of(node)
        number = None if amount is None else _of_decimal(amount.value, precision, high=high)
        return EMPTY if number is None else [Node({**node.value, "value": number}, "System.Quantity", None)]
    if kind in _FIELDS:
        temporal = parse_temporal(str(node.value), kind)
        moved = None if temporal is None else _of_temporal(temporal, precision, high=high)
        return EMPTY if moved is None else [Node(format_temporal(moved), f"System.{kind}", None)]
    raise FhirPathError(f"{name}: expected a number, quantity, date or time, found {node.type}")


def _boundary(name: str, *, high: bool) -> Function:
    def build(precision: Step | None = None) -> Step:
        def step(state: State, items: Collection) -> Collection:
            node = single(items, name)
            places = None if precision is None else whole_number(precision(state, state.focus), name)
            if node is None or node.value is None:
                return EMPTY
            return _bound(node, places, name, high=high)

        return step

    return Function(build, 0, 1)


BOUNDARIES: Table = {
    "lowBoundary": _boundary("lowBoundary()", high=False),
    "highBoundary": _boundary("highBoundary()", high=True),
}
