"""5.3 Subsetting. http://hl7.org/fhirpath/N1/#subsetting"""

from __future__ import annotations

from fhir_server.fhirpath.equality import contains, unite
from fhir_server.fhirpath.functions.signature import Function, Table, plain
from fhir_server.fhirpath.node import EMPTY, Collection, FhirPathError, State, Step, single


def whole_number(items: Collection, where: str) -> int | None:
    """Returns a single Integer argument, None of an empty collection."""
    node = single(items, where)
    if node is None or node.value is None:
        return None
    if isinstance(node.value, bool) or not isinstance(node.value, int):
        raise FhirPathError(f"{where}: expected an integer, found {node.type}")
    return node.value


def at(index: Step) -> Step:
    """Compiles `[index]`."""

    def step(state: State, items: Collection) -> Collection:
        number = whole_number(index(state, state.focus), "[]")
        return EMPTY if number is None or not 0 <= number < len(items) else [items[number]]

    return step


def _single(state: State, items: Collection) -> Collection:
    single(items, "single()")
    return items


def _skip(count: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        number = whole_number(count(state, state.focus), "skip()")
        return EMPTY if number is None else items[max(number, 0) :]

    return step


def _take(count: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        number = whole_number(count(state, state.focus), "take()")
        return EMPTY if number is None else items[: max(number, 0)]

    return step


def _intersect(other: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        others = other(state, state.focus)
        return unite(state, [node for node in items if contains(state, others, node)])

    return step


def _exclude(other: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        others = other(state, state.focus)
        return [node for node in items if not contains(state, others, node)]

    return step


SUBSETTING: Table = {
    "single": plain(_single),
    "first": plain(lambda state, items: items[:1]),
    "last": plain(lambda state, items: items[-1:]),
    "tail": plain(lambda state, items: items[1:]),
    "skip": Function(_skip, 1, 1),
    "take": Function(_take, 1, 1),
    "intersect": Function(_intersect, 1, 1),
    "exclude": Function(_exclude, 1, 1),
}
