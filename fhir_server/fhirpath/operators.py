"""Chapter 6: equality, comparison, arithmetic, logic. http://hl7.org/fhirpath/N1/#operations"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from fhir_server.fhirpath.arithmetic import ARITHMETIC
from fhir_server.fhirpath.equality import compare, contains, equal, equivalent, unite
from fhir_server.fhirpath.node import (
    EMPTY,
    FALSE,
    TRUE,
    Collection,
    FhirPathError,
    Node,
    State,
    Step,
    boolean,
    single,
    truth,
)


def _equal(left: Step, right: Step) -> Step:
    return lambda state, items: boolean(equal(left(state, items), right(state, items)))


def _not_equal(left: Step, right: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        answer = equal(left(state, items), right(state, items))
        return EMPTY if answer is None else boolean(not answer)

    return step


def _equivalent(left: Step, right: Step) -> Step:
    return lambda state, items: boolean(equivalent(left(state, items), right(state, items)))


def _not_equivalent(left: Step, right: Step) -> Step:
    return lambda state, items: boolean(not equivalent(left(state, items), right(state, items)))


def _comparison(operator: str, holds: Callable[[int], bool]) -> Callable[[Step, Step], Step]:
    def build(left: Step, right: Step) -> Step:
        def step(state: State, items: Collection) -> Collection:
            one, other = single(left(state, items), operator), single(right(state, items), operator)
            if one is None or other is None:
                return EMPTY
            order = compare(one, other, operator)
            return EMPTY if order is None else boolean(holds(order))

        return step

    return build


def _and(left: Step, right: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        one = truth(left(state, items), "and")
        if one is False:
            return FALSE
        other = truth(right(state, items), "and")
        return FALSE if other is False else boolean(None if one is None or other is None else True)

    return step


def _or(left: Step, right: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        one = truth(left(state, items), "or")
        if one is True:
            return TRUE
        other = truth(right(state, items), "or")
        return TRUE if other is True else boolean(None if one is None or other is None else False)

    return step


def _xor(left: Step, right: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        one, other = truth(left(state, items), "xor"), truth(right(state, items), "xor")
        return EMPTY if one is None or other is None else boolean(one != other)

    return step


def _implies(left: Step, right: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        one = truth(left(state, items), "implies")
        if one is False:
            return TRUE
        other = truth(right(state, items), "implies")
        return TRUE if other is True else boolean(None if one is None else other)

    return step


def _in(left: Step, right: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        one = single(left(state, items), "in")
        return EMPTY if one is None else boolean(contains(state, right(state, items), one))

    return step


def _contains(left: Step, right: Step) -> Step:
    return _in(right, left)


def _concatenate(left: Step, right: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        parts = [_text(single(side(state, items), "&")) for side in (left, right)]
        state.spend_text(len(parts[0]) + len(parts[1]))
        return [Node(parts[0] + parts[1], "System.String", None)]

    return step


def _text(node: Node | None) -> str:
    if node is None or node.value is None:
        return ""
    if not isinstance(node.value, str):
        raise FhirPathError(f"&: expected a string, found {node.type}")
    return node.value


def _arithmetic(operator: str) -> Callable[[Step, Step], Step]:
    function = ARITHMETIC[operator]

    def build(left: Step, right: Step) -> Step:
        def step(state: State, items: Collection) -> Collection:
            one, other = single(left(state, items), operator), single(right(state, items), operator)
            if one is None or other is None or one.value is None or other.value is None:
                return EMPTY
            return function(state, one, other)

        return step

    return build


OPERATORS: dict[str, Callable[[Step, Step], Step]] = {
    "=": _equal,
    "!=": _not_equal,
    "~": _equivalent,
    "!~": _not_equivalent,
    "<": _comparison("<", lambda order: order < 0),
    "<=": _comparison("<=", lambda order: order <= 0),
    ">": _comparison(">", lambda order: order > 0),
    ">=": _comparison(">=", lambda order: order >= 0),
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
    "in": _in,
    "contains": _contains,
    "&": _concatenate,
    **{operator: _arithmetic(operator) for operator in ARITHMETIC},
}
"""Operator → builder of its closure from those of its operands."""


def union(branches: tuple[Step, ...]) -> Step:
    """Compiles a | b | c: all items once, in order. http://hl7.org/fhirpath/N1/#union-collections"""
    if len(branches) == 1:
        (only,) = branches
        return lambda state, items: unite(state, only(state, items))

    def step(state: State, items: Collection) -> Collection:
        found: Collection = []
        for branch in branches:
            found.extend(branch(state, items))
        return unite(state, found)

    return step


def gather(branches: tuple[Step, ...]) -> Step:
    """Compiles a | b | c to all items, equal ones too."""
    if len(branches) == 1:
        return branches[0]
    return lambda state, items: [found for branch in branches for found in branch(state, items)]


def sign(operator: str, operand: Step) -> Step:
    """Compiles unary + and -."""

    def step(state: State, items: Collection) -> Collection:
        node = single(operand(state, items), operator)
        if node is None or node.value is None:
            return EMPTY
        value = node.value
        if isinstance(value, dict) and isinstance(value.get("value"), (int, Decimal)):
            number = value["value"]
            return [node if operator == "+" else node._replace(value={**value, "value": -number})]
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise FhirPathError(f"{operator}: expected a number, found {node.type}")
        return [node if operator == "+" else node._replace(value=-value)]

    return step
