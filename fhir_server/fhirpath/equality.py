"""Equality, equivalence and order of items. http://hl7.org/fhirpath/N1/#equality, #comparison"""

from __future__ import annotations

from decimal import Decimal, DecimalException
from typing import Any

from fhir_server.fhirpath.node import Collection, FhirPathError, Node, State
from fhir_server.fhirpath.quantity import EXACT, amount_of, in_one_unit
from fhir_server.fhirpath.temporal import compare_temporal, parse_temporal, utc_fields
from fhir_server.fhirpath.types import KINDS

_NUMBERS = ("Integer", "Decimal")
_DATES = ("Date", "DateTime")
_TEMPORALS = ("Date", "DateTime", "Time")
_PLAIN = ("String", "Boolean", "Integer", "Decimal")
_FEW = 8


def equal(left: Collection, right: Collection) -> bool | None:
    """Says whether two collections are equal, in order; None when that is open."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    if len(left) == 1:
        return equal_items(left[0], right[0])
    answer: bool | None = True
    for one, other in zip(left, right, strict=True):
        same = equal_items(one, other)
        if same is False:
            return False
        answer = answer if same else None
    return answer


def equal_items(one: Node, other: Node) -> bool | None:
    """Says whether two items are equal."""
    kind, other_kind = KINDS.get(one[1]), KINDS.get(other[1])
    a, b = one[0], other[0]
    if kind == other_kind:
        if kind in _PLAIN:
            return None if a is None or b is None else bool(a == b)
        if kind is None:
            return bool(a == b) and one[1] == other[1]
    if kind in _NUMBERS and other_kind in _NUMBERS:
        return None if a is None or b is None else bool(a == b)
    if kind in _TEMPORALS and other_kind in _TEMPORALS:
        return _equal_temporals(one, other)
    if "Quantity" in (kind, other_kind) and _is_amount(kind) and _is_amount(other_kind):
        return _equal_quantities(one, other)
    return False


def _is_amount(kind: str | None) -> bool:
    return kind == "Quantity" or kind in _NUMBERS


def _equal_temporals(one: Node, other: Node) -> bool | None:
    if one[0] is None or other[0] is None:
        return None
    order = _order_of_temporals(one, other)
    if order is None and (KINDS[one[1]] == "Time") != (KINDS[other[1]] == "Time"):
        return False
    return None if order is None else order == 0


def _order_of_temporals(one: Node, other: Node) -> int | None:
    left = parse_temporal(str(one[0]), KINDS[one[1]])
    right = parse_temporal(str(other[0]), KINDS[other[1]])
    return None if left is None or right is None else compare_temporal(left, right)


def _equal_quantities(one: Node, other: Node) -> bool | None:
    left, right = amount_of(one), amount_of(other)
    if left is None or right is None:
        return None if one[0] != other[0] else True
    numbers = in_one_unit(left, right)
    return None if numbers is None else numbers[0] == numbers[1]


def compare(one: Node, other: Node, operator: str) -> int | None:
    """Returns the order of two items: -1, 0, 1; None when it cannot be known. Refuses what has no order."""
    kind, other_kind = KINDS.get(one[1]), KINDS.get(other[1])
    a, b = one[0], other[0]
    if a is None or b is None:
        return None
    if (kind == other_kind == "String") or (kind in _NUMBERS and other_kind in _NUMBERS):
        return _order(a, b)
    if kind == other_kind == "Time" or (kind in _DATES and other_kind in _DATES):
        return _order_of_temporals(one, other)
    if "Quantity" in (kind, other_kind) and _is_amount(kind) and _is_amount(other_kind):
        left, right = amount_of(one), amount_of(other)
        numbers = None if left is None or right is None else in_one_unit(left, right)
        return None if numbers is None else _order(*numbers)
    raise FhirPathError(f"{operator}: {one[1]} and {other[1]} have no order")


def _order(a: Any, b: Any) -> int | None:
    if isinstance(a, str) != isinstance(b, str):
        return None
    return 0 if a == b else -1 if a < b else 1


def equivalent(left: Collection, right: Collection) -> bool:
    """Says whether two collections are equivalent, in any order. http://hl7.org/fhirpath/N1/#equivalent"""
    if len(left) != len(right):
        return False
    keys = sorted(repr(equivalence_key(node)) for node in left)
    return keys == sorted(repr(equivalence_key(node)) for node in right) or _equivalent_singles(left, right)


def _equivalent_singles(left: Collection, right: Collection) -> bool:
    """Decimals are rounded to the less precise of the two, which no key of one item can say."""
    if len(left) != 1:
        return False
    one, other = left[0], right[0]
    kind, other_kind = KINDS.get(one[1]), KINDS.get(other[1])
    a, b = one[0], other[0]
    if kind in _NUMBERS and other_kind in _NUMBERS and a is not None and b is not None:
        return _same_rounded(Decimal(a), Decimal(b))
    if kind == other_kind == "Quantity":
        left_amount, right_amount = amount_of(one), amount_of(other)
        if left_amount is None or right_amount is None:
            return False
        numbers = in_one_unit(left_amount, right_amount, loosely=True)
        return numbers is not None and _same_rounded(*numbers)
    return False


def _same_rounded(a: Decimal, b: Decimal) -> bool:
    """Compares two decimals to the digits after the point of the less precise."""
    try:
        places = max(int(EXACT.normalize(x).as_tuple().exponent) for x in (a, b))
        unit = Decimal(1).scaleb(min(places, 0))
        return a.quantize(unit, context=EXACT) == b.quantize(unit, context=EXACT)
    except DecimalException:
        return a == b


def equivalence_key(node: Node) -> Any:
    """Returns what two equivalent items share."""
    value, type_name, _ = node
    kind = KINDS.get(type_name)
    if kind == "String" and isinstance(value, str):
        return ("String", " ".join(value.lower().split()))
    if isinstance(value, dict) and type_name == "Coding":
        return ("Coding", value.get("system"), value.get("code"))
    if isinstance(value, dict) and type_name == "CodeableConcept":
        codings = value.get("coding")
        if isinstance(codings, list) and codings:
            return (
                "Concept",
                sorted(repr((c.get("system"), c.get("code"))) for c in codings if isinstance(c, dict)),
            )
    return equality_key(node)


def equality_key(node: Node) -> Any:
    """Returns a hashable key that equal items share; items whose equality is open have different keys."""
    value, type_name, element = node
    kind = KINDS.get(type_name)
    if value is None:
        return (type_name, freeze(element))
    if kind in _TEMPORALS:
        temporal = parse_temporal(str(value), kind)
        return (kind, value) if temporal is None else (kind == "Time", utc_fields(temporal))
    if kind == "Quantity":
        amount = amount_of(node)
        return (type_name, freeze(value)) if amount is None else ("Quantity", amount)
    if kind is None:
        return (type_name, freeze(value))
    return ("number" if kind in _NUMBERS else kind, value)


def freeze(value: Any) -> Any:
    """Returns JSON as a hashable value."""
    if isinstance(value, dict):
        return frozenset((key, freeze(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(freeze(item) for item in value)
    # A boolean is no number, though Python finds 1 == True.
    return ("boolean", value) if isinstance(value, bool) else value


def contains(state: State, items: Collection, node: Node) -> bool:
    """Says whether a collection has an item equal to `node`."""
    state.spend(len(items))
    return any(equal_items(item, node) for item in items)


def unite(state: State, items: Collection) -> Collection:
    """Returns the items without those equal to an earlier one."""
    count = len(items)
    if count < 2:
        return items
    state.spend(count)
    if count <= _FEW:
        kept: Collection = []
        for node in items:
            if not any(equal_items(node, other) for other in kept):
                kept.append(node)
        return kept
    seen: dict[Any, Node] = {}
    for node in items:
        seen.setdefault(equality_key(node), node)
    return list(seen.values())
