"""5.5 Conversion. http://hl7.org/fhirpath/N1/#conversion"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from fhir_server.fhirpath.functions.signature import Function, Table, plain
from fhir_server.fhirpath.node import (
    EMPTY,
    Collection,
    FhirPathError,
    Node,
    State,
    Step,
    boolean,
    single,
    string,
    truth,
)
from fhir_server.fhirpath.quantity import Amount, amount_of, calendar_of_word, in_one_unit
from fhir_server.fhirpath.temporal import parse_temporal
from fhir_server.fhirpath.types import KINDS

Convert = Callable[[Node], Node | None]

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?")
_QUANTITY = re.compile(r"([+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?)\s*(?:'([^']{1,200})'|([a-z]{1,20}))?")
_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False),
}
_LARGEST_EXPONENT = 1000


def iif(criterion: Step, result: Step, otherwise: Step | None = None) -> Step:
    """Compiles iif(); its arguments are evaluated on the input collection, only as far as needed."""

    def step(state: State, items: Collection) -> Collection:
        outer = state.focus
        state.focus = items
        if truth(criterion(state, items), "iif()"):
            found = result(state, items)
        else:
            found = otherwise(state, items) if otherwise is not None else EMPTY
        state.focus = outer
        return found

    return step


def write_decimal(value: Decimal) -> str:
    """Writes a Decimal without exponent, as long as that is reasonable."""
    return format(value, "f") if abs(value.adjusted()) < _LARGEST_EXPONENT else str(value)


def _content(node: Node) -> object:
    """Returns what may be converted: the text of a string, but not of a date, is read."""
    return node.value if not isinstance(node.value, str) or KINDS.get(node.type) == "String" else None


def _to_boolean(node: Node) -> Node | None:
    value = _content(node)
    if isinstance(value, (str, Decimal)):
        value = _WORDS.get(str(value).lower())
    elif isinstance(value, int) and not isinstance(value, bool):
        value = {0: False, 1: True}.get(value)
    return Node(value, "System.Boolean", None) if isinstance(value, bool) else None


def _to_integer(node: Node) -> Node | None:
    value = _content(node)
    if isinstance(value, str):
        value = int(value) if _INTEGER.fullmatch(value) else None
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return Node(int(value), "System.Integer", None)
    return None


def _to_decimal(node: Node) -> Node | None:
    value = _content(node)
    if isinstance(value, str):
        value = Decimal(value) if _DECIMAL.fullmatch(value) else None
    if isinstance(value, (int, Decimal)):
        return Node(Decimal(value), "System.Decimal", None)
    return None


def _to_string(node: Node) -> Node | None:
    value = node.value
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, Decimal):
        value = write_decimal(value)
    elif isinstance(value, int):
        value = str(value)
    elif KINDS.get(node.type) == "Quantity":
        value = _write_quantity(node)
    return Node(value, "System.String", None) if isinstance(value, str) else None


def _write_quantity(node: Node) -> str | None:
    amount = amount_of(node)
    if amount is None:
        return None
    unit = amount.unit if calendar_of_word(amount.unit) else f"'{amount.unit}'"
    return f"{write_decimal(amount.value)} {unit}"


def _to_temporal(kind: str) -> Convert:
    def convert(node: Node) -> Node | None:
        if not isinstance(node.value, str):
            return None
        text = node.value.partition("T")[0] if kind == "Date" else node.value
        return Node(text, f"System.{kind}", None) if parse_temporal(node.value, _widest(kind)) else None

    return convert


def _widest(kind: str) -> str:
    return "Time" if kind == "Time" else "DateTime"


def _to_quantity(node: Node) -> Node | None:
    if isinstance(node.value, bool):
        return Node({"value": Decimal(node.value), "unit": "1"}, "System.Quantity", None)
    content = _content(node)
    if isinstance(content, str):
        return _parse_quantity(content)
    amount = amount_of(node)
    if amount is None:
        return None
    return _quantity_node(amount)


def _quantity_node(amount: Amount) -> Node:
    if calendar_of_word(amount.unit):
        return Node({"value": amount.value, "unit": amount.unit}, "System.Quantity", None)
    return Node({"value": amount.value, "unit": amount.unit, "code": amount.unit}, "System.Quantity", None)


def _parse_quantity(text: str) -> Node | None:
    match = _QUANTITY.fullmatch(text) if len(text) <= 500 else None
    if match is None:
        return None
    number, code, word = match.groups()
    unit = code or "1"
    if word is not None:
        calendar = calendar_of_word(word)
        if calendar is None:
            return None
        unit = calendar
    return _quantity_node(Amount(Decimal(number), unit))


def _to_quantity_in(unit: Step | None = None) -> Step:
    if unit is None:
        return _converter(_to_quantity)

    def step(state: State, items: Collection) -> Collection:
        node = single(items, "toQuantity()")
        wanted = single(unit(state, state.focus), "toQuantity()")
        converted = None if node is None or node.value is None else _to_quantity(node)
        if converted is None or wanted is None:
            return EMPTY
        amount = amount_of(converted)
        name = calendar_of_word(str(wanted.value)) or str(wanted.value)
        numbers = None if amount is None else in_one_unit(amount, Amount(Decimal(1), name), loosely=True)
        return EMPTY if numbers is None else [_quantity_node(Amount(numbers[0] / numbers[1], name))]

    return step


def _converts_to_quantity(unit: Step | None = None) -> Step:
    convert = _to_quantity_in(unit)
    return lambda state, items: boolean(bool(convert(state, items))) if items else EMPTY


def _converter(convert: Convert) -> Step:
    def step(state: State, items: Collection) -> Collection:
        node = single(items, "conversion")
        if node is None or node.value is None:
            return EMPTY
        converted = convert(node)
        return EMPTY if converted is None else [converted]

    return step


def _conversions(name: str, convert: Convert) -> Table:
    def converts(state: State, items: Collection) -> Collection:
        node = single(items, f"convertsTo{name}()")
        return EMPTY if node is None or node.value is None else boolean(convert(node) is not None)

    return {f"to{name}": plain(_converter(convert)), f"convertsTo{name}": plain(converts)}


def text_of(items: Collection, where: str) -> str | None:
    """Returns the text of a single string, None of an empty collection."""
    node = single(items, where)
    if node is None or node.value is None:
        return None
    if not isinstance(node.value, str):
        raise FhirPathError(f"{where}: expected a string, found {node.type}")
    return node.value


def written(state: State, text: str) -> Collection:
    """Returns a string that was made, at its cost."""
    state.spend_text(len(text))
    return string(text)


CONVERSION: Table = {
    "iif": Function(iif, 2, 3),
    **_conversions("Boolean", _to_boolean),
    **_conversions("Integer", _to_integer),
    **_conversions("Decimal", _to_decimal),
    **_conversions("String", _to_string),
    **_conversions("Date", _to_temporal("Date")),
    **_conversions("DateTime", _to_temporal("DateTime")),
    **_conversions("Time", _to_temporal("Time")),
    "toQuantity": Function(_to_quantity_in, 0, 1),
    "convertsToQuantity": Function(_converts_to_quantity, 0, 1),
}
