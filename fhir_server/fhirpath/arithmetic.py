"""Arithmetic on numbers, strings, quantities and dates. http://hl7.org/fhirpath/N1/#math-1"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from fhir_server.fhirpath.node import EMPTY, Collection, FhirPathError, Node, State, integer
from fhir_server.fhirpath.quantity import EXACT, Amount, amount_of, calendar_unit
from fhir_server.fhirpath.temporal import add_duration, format_temporal, parse_temporal
from fhir_server.fhirpath.types import KINDS

_QUOTIENT = Context(prec=28, Emax=1000, Emin=-1000, traps=[InvalidOperation, DivisionByZero, Overflow])
_NUMBERS = ("Integer", "Decimal")

Operation = Callable[[State, Node, Node], Collection]


def decimal(value: Decimal) -> Collection:
    """Returns a collection of one Decimal, empty where the number is none."""
    return [Node(value, "System.Decimal", None)] if value.is_finite() else EMPTY


def _kinds(one: Node, other: Node) -> tuple[str | None, str | None]:
    return KINDS.get(one.type), KINDS.get(other.type)


def _refuse(operator: str, one: Node, other: Node) -> FhirPathError:
    return FhirPathError(f"{operator}: not defined for {one.type} and {other.type}")


def _calculate(operation: Callable[[Any, Any], Decimal], one: Any, other: Any) -> Decimal | None:
    try:
        return operation(Decimal(one), Decimal(other))
    except (InvalidOperation, DivisionByZero, Overflow):
        return None


def _numbers(operation: Callable[[Any, Any], Decimal], one: Node, other: Node) -> Collection:
    number = _calculate(operation, one.value, other.value)
    if number is None:
        return EMPTY
    if KINDS[one.type] == KINDS[other.type] == "Integer":
        return integer(int(number))
    return decimal(number)


def quantity_node(value: Decimal, unit: str, like: Node) -> Collection:
    """Returns a Quantity with the unit of another."""
    if isinstance(like.value, dict):
        return [Node({**like.value, "value": value}, "System.Quantity", None)]
    return [Node({"value": value, "unit": unit}, "System.Quantity", None)]


def _sum_of_quantities(operation: Callable[[Any, Any], Decimal], one: Node, other: Node) -> Collection:
    left, right = amount_of(one), amount_of(other)
    if left is None or right is None or left.unit != right.unit:
        return EMPTY
    number = _calculate(operation, left.value, right.value)
    return EMPTY if number is None else quantity_node(number, left.unit, one)


def _move(one: Node, other: Node, direction: int) -> Collection:
    amount = amount_of(other)
    temporal = parse_temporal(str(one.value), KINDS[one.type])
    if amount is None or temporal is None:
        return EMPTY
    unit = calendar_unit(amount)
    if unit is None:
        raise FhirPathError(f"a date cannot be moved by the unit {amount.unit!r}")
    moved = add_duration(temporal, amount.value * direction, unit)
    return EMPTY if moved is None else [Node(format_temporal(moved), f"System.{moved.kind}", None)]


def _add(state: State, one: Node, other: Node) -> Collection:
    kind, other_kind = _kinds(one, other)
    if kind in _NUMBERS and other_kind in _NUMBERS:
        return _numbers(EXACT.add, one, other)
    if kind == other_kind == "String":
        state.spend_text(len(one.value) + len(other.value))
        return [Node(one.value + other.value, "System.String", None)]
    if kind in ("Date", "DateTime", "Time") and other_kind == "Quantity":
        return _move(one, other, 1)
    if kind == other_kind == "Quantity":
        return _sum_of_quantities(EXACT.add, one, other)
    raise _refuse("+", one, other)


def _subtract(state: State, one: Node, other: Node) -> Collection:
    kind, other_kind = _kinds(one, other)
    if kind in _NUMBERS and other_kind in _NUMBERS:
        return _numbers(EXACT.subtract, one, other)
    if kind in ("Date", "DateTime", "Time") and other_kind == "Quantity":
        return _move(one, other, -1)
    if kind == other_kind == "Quantity":
        return _sum_of_quantities(EXACT.subtract, one, other)
    raise _refuse("-", one, other)


def _product_unit(left: Amount, right: Amount) -> str | None:
    if "1" in (left.unit, right.unit):
        return right.unit if left.unit == "1" else left.unit
    return f"{left.unit}.{right.unit}"


def _quotient_unit(left: Amount, right: Amount) -> str | None:
    if left.unit == right.unit:
        return "1"
    return left.unit if right.unit == "1" else f"{left.unit}/{right.unit}"


def _scale(
    operator: str,
    operation: Callable[[Any, Any], Decimal],
    unit_of: Callable[[Amount, Amount], str | None],
) -> Operation:
    def function(state: State, one: Node, other: Node) -> Collection:
        kind, other_kind = _kinds(one, other)
        if kind in _NUMBERS and other_kind in _NUMBERS:
            if operator == "*":
                return _numbers(operation, one, other)
            number = _calculate(operation, one.value, other.value)
            return EMPTY if number is None else decimal(number)
        if "Quantity" not in (kind, other_kind) or not {kind, other_kind} <= {"Quantity", *_NUMBERS}:
            raise _refuse(operator, one, other)
        left, right = amount_of(one), amount_of(other)
        number = None if left is None or right is None else _calculate(operation, left.value, right.value)
        if left is None or right is None or number is None:
            return EMPTY
        unit = unit_of(left, right)
        return [Node({"value": number, "unit": unit, "code": unit}, "System.Quantity", None)]

    return function


def _whole(operator: str, operation: Callable[[Any, Any], Decimal]) -> Operation:
    def function(state: State, one: Node, other: Node) -> Collection:
        kind, other_kind = _kinds(one, other)
        if kind in _NUMBERS and other_kind in _NUMBERS:
            number = _calculate(operation, one.value, other.value)
            if number is None:
                return EMPTY
            whole = operator == "div" or kind == other_kind == "Integer"
            return integer(int(number)) if whole else decimal(number)
        raise _refuse(operator, one, other)

    return function


ARITHMETIC: dict[str, Operation] = {
    "+": _add,
    "-": _subtract,
    "*": _scale("*", EXACT.multiply, _product_unit),
    "/": _scale("/", _QUOTIENT.divide, _quotient_unit),
    "div": _whole("div", EXACT.divide_int),
    "mod": _whole("mod", EXACT.remainder),
}
