"""fixed[x] and pattern[x], and ranges. https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir_server.fhirpath.equality import compare
from fhir_server.fhirpath.node import FhirPathError, Node
from fhir_server.validation.fault import Fault, fault, show

ValueCheck = Callable[[Any, str], "list[Fault] | None"]
"""(value, its type) → faults."""

_NUMBERS = (int, float, Decimal)


def is_same(value: Any, fixed: Any) -> bool:
    """True for a value that is exactly the fixed one."""
    if isinstance(fixed, dict):
        return (
            isinstance(value, dict)
            and value.keys() == fixed.keys()
            and all(is_same(value[key], item) for key, item in fixed.items())
        )
    if isinstance(fixed, list):
        return (
            isinstance(value, list)
            and len(value) == len(fixed)
            and all(is_same(a, b) for a, b in zip(value, fixed, strict=True))
        )
    return _is_equal(value, fixed)


def has_pattern(value: Any, pattern: Any) -> bool:
    """True for a value that has at least what the pattern has."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(has_pattern(value.get(k), p) for k, p in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(has_pattern(v, p) for v in value) for p in pattern)
    return _is_equal(value, pattern)


def _is_equal(value: Any, other: Any) -> bool:
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, _NUMBERS) and isinstance(other, _NUMBERS):
        return Decimal(str(value)) == Decimal(str(other))
    return type(value) is type(other) and bool(value == other)


def expected_value(facts: dict[str, Any]) -> tuple[str, Any] | None:
    """Returns ("fixed" or "pattern", value) of an element, None where it has neither."""
    for key, value in facts.items():
        for kind in ("fixed", "pattern"):
            if key.startswith(kind) and key[len(kind) :][:1].isupper():
                return kind, value
    return None


def meets(value: Any, expected: tuple[str, Any]) -> bool:
    """True for a value that has what is expected."""
    kind, wanted = expected
    return is_same(value, wanted) if kind == "fixed" else has_pattern(value, wanted)


def build_expected(facts: dict[str, Any]) -> ValueCheck | None:
    """Returns the check of fixed[x] or pattern[x]."""
    expected = expected_value(facts)
    if expected is None:
        return None
    kind, wanted = expected

    def check(value: Any, _type: str) -> list[Fault] | None:
        if meets(value, expected):
            return None
        word = "must be" if kind == "fixed" else "must match"
        return fault("value", f"The value {word} {show(_written(wanted))}.", id=f"profile:{kind}")

    return check


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return str(value)


def build_range(facts: dict[str, Any]) -> ValueCheck | None:
    """Returns the check of minValue[x] and maxValue[x]."""
    bounds: list[tuple[str, Any, str]] = []
    for key, value in facts.items():
        for kind in ("minValue", "maxValue"):
            if key.startswith(kind) and key[len(kind) :][:1].isupper():
                bounds.append((kind, value, key[len(kind) :]))
    if not bounds:
        return None

    def check(value: Any, type_: str) -> list[Fault] | None:
        for kind, bound, name in bounds:
            order = _order(value, type_, bound, name)
            if order is not None and (order < 0 if kind == "minValue" else order > 0):
                least = "at least" if kind == "minValue" else "at most"
                return fault(
                    "value", f"The value must be {least} {show(_written(bound))}.", id=f"value:{kind}"
                )
        return None

    return check


def _order(value: Any, type_: str, bound: Any, name: str) -> int | None:
    bound_type = name if isinstance(bound, dict) else name[:1].lower() + name[1:]
    if isinstance(bound, float):
        bound = Decimal(str(bound))
    try:
        return compare(Node(value, type_, None), Node(bound, bound_type, None), "range")
    except (FhirPathError, TypeError, ValueError, ArithmeticError):
        return None


def build_length(facts: dict[str, Any]) -> ValueCheck | None:
    """Returns the check of maxLength."""
    most = facts.get("maxLength")
    if not isinstance(most, int):
        return None

    def check(value: Any, _type: str) -> list[Fault] | None:
        if isinstance(value, str) and len(value) > most:
            text = f"The value has {len(value)} characters, {most} are allowed."
            return fault("value", text, id="value:max-length")
        return None

    return check
