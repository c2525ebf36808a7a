"""5.7 Math. http://hl7.org/fhirpath/N1/#math"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException

from fhir_server.fhirpath.arithmetic import decimal
from fhir_server.fhirpath.functions.signature import Function, Table, plain
from fhir_server.fhirpath.functions.subsetting import whole_number
from fhir_server.fhirpath.node import EMPTY, Collection, FhirPathError, Node, State, Step, integer, single
from fhir_server.fhirpath.quantity import EXACT

_ANALYTIC = Context(prec=28, Emax=1000, Emin=-1000, traps=EXACT.traps.copy())
_LARGEST_POWER = 10_000
_MAX_PRECISION = 28


def number_of(items: Collection, where: str) -> Decimal | int | None:
    """Returns a single number, None of an empty collection."""
    node = single(items, where)
    if node is None or node.value is None:
        return None
    if isinstance(node.value, Decimal):
        return node.value
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return int(node.value)
    raise FhirPathError(f"{where}: expected a number, found {node.type}")


def _abs(state: State, items: Collection) -> Collection:
    node = single(items, "abs()")
    if (
        node is not None
        and isinstance(node.value, dict)
        and isinstance(node.value.get("value"), (int, Decimal))
    ):
        return [Node({**node.value, "value": abs(node.value["value"])}, node.type, None)]
    number = number_of(items, "abs()")
    if number is None:
        return EMPTY
    return integer(abs(number)) if isinstance(number, int) else decimal(abs(number))


def _rounded(name: str, rounding: str) -> Function:
    def function(state: State, items: Collection) -> Collection:
        number = number_of(items, name)
        if number is None or abs(Decimal(number)) > 2**31:
            return EMPTY
        return integer(int(Decimal(number).to_integral_value(rounding)))

    return plain(function)


def _round(precision: Step | None = None) -> Step:
    def step(state: State, items: Collection) -> Collection:
        number = number_of(items, "round()")
        places = 0 if precision is None else whole_number(precision(state, state.focus), "round()")
        if number is None or places is None:
            return EMPTY
        if not 0 <= places <= _MAX_PRECISION:
            raise FhirPathError(f"round(): the precision is between 0 and {_MAX_PRECISION}")
        return _guarded(
            lambda: Decimal(number).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, context=EXACT)
        )

    return step


def _guarded(calculation: Callable[[], Decimal]) -> Collection:
    """Returns a result, empty where mathematics or the range of numbers has none."""
    try:
        return decimal(calculation())
    except DecimalException:
        return EMPTY


def _analytic(name: str, operation: Callable[[Decimal], Decimal], *, positive: bool = False) -> Function:
    def function(state: State, items: Collection) -> Collection:
        number = number_of(items, name)
        if number is None or (positive and number <= 0):
            return EMPTY
        return _guarded(lambda: operation(Decimal(number)))

    return plain(function)


def _log(base: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        number = number_of(items, "log()")
        root = number_of(base(state, state.focus), "log()")
        if number is None or root is None or number <= 0 or root <= 0 or root == 1:
            return EMPTY
        return _guarded(lambda: _ANALYTIC.divide(_ANALYTIC.ln(Decimal(number)), _ANALYTIC.ln(Decimal(root))))

    return step


def _power(exponent: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        number = number_of(items, "power()")
        power = number_of(exponent(state, state.focus), "power()")
        if number is None or power is None or abs(Decimal(power)) > _LARGEST_POWER:
            return EMPTY
        result = _guarded(lambda: _ANALYTIC.power(Decimal(number), Decimal(power)))
        if result and isinstance(number, int) and isinstance(power, int) and power >= 0:
            return integer(int(result[0].value))
        return result

    return step


MATH: Table = {
    "abs": plain(_abs),
    "ceiling": _rounded("ceiling()", ROUND_CEILING),
    "exp": _analytic("exp()", _ANALYTIC.exp),
    "floor": _rounded("floor()", ROUND_FLOOR),
    "ln": _analytic("ln()", _ANALYTIC.ln, positive=True),
    "log": Function(_log, 1, 1),
    "power": Function(_power, 1, 1),
    "round": Function(_round, 0, 1),
    "sqrt": _analytic("sqrt()", _ANALYTIC.sqrt),
    "truncate": _rounded("truncate()", ROUND_DOWN),
}
