"""5.1 Existence. http://hl7.org/fhirpath/N1/#existence"""

from __future__ import annotations

from fhir_server.fhirpath.equality import contains, unite
from fhir_server.fhirpath.functions.signature import Function, Table, plain
from fhir_server.fhirpath.node import (
    FALSE,
    TRUE,
    Collection,
    FhirPathError,
    State,
    Step,
    boolean,
    integer,
    truth,
)


def _empty(state: State, items: Collection) -> Collection:
    return FALSE if items else TRUE


def _exists(criteria: Step | None = None) -> Step:
    if criteria is None:
        return lambda state, items: TRUE if items else FALSE
    return _any(criteria, wanted=True)


def _any(criteria: Step, *, wanted: bool) -> Step:
    """Compiles to true as soon as the criteria of an item (do not) hold."""

    def step(state: State, items: Collection) -> Collection:
        outer, outer_index = state.focus, state.index
        answer = False
        for state.index, node in enumerate(items):
            state.spend(1)
            state.focus = focus = [node]
            if (truth(criteria(state, focus), "criteria") is True) is wanted:
                answer = True
                break
        state.focus, state.index = outer, outer_index
        return boolean(answer is wanted)

    return step


def _all(criteria: Step) -> Step:
    return _any(criteria, wanted=False)


def _not(state: State, items: Collection) -> Collection:
    value = truth(items, "not()")
    return boolean(None if value is None else not value)


def _of_booleans(name: str, wanted: bool, *, every: bool) -> Function:
    def function(state: State, items: Collection) -> Collection:
        for node in items:
            if node.value is not True and node.value is not False:
                raise FhirPathError(f"{name}(): expected booleans, found {node.type}")
        values = (node.value is wanted for node in items)
        return boolean(all(values) if every else any(values))

    return plain(function)


def _subset_of(other: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        container = other(state, state.focus)
        return boolean(all(contains(state, container, node) for node in items))

    return step


def _superset_of(other: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        return boolean(all(contains(state, items, node) for node in other(state, state.focus)))

    return step


def _is_distinct(state: State, items: Collection) -> Collection:
    return boolean(len(unite(state, items)) == len(items))


EXISTENCE: Table = {
    "empty": plain(_empty),
    "exists": Function(_exists, 0, 1),
    "all": Function(_all, 1, 1),
    "not": plain(_not),
    "allTrue": _of_booleans("allTrue", True, every=True),
    "anyTrue": _of_booleans("anyTrue", True, every=False),
    "allFalse": _of_booleans("allFalse", False, every=True),
    "anyFalse": _of_booleans("anyFalse", False, every=False),
    "subsetOf": Function(_subset_of, 1, 1),
    "supersetOf": Function(_superset_of, 1, 1),
    "count": plain(lambda state, items: integer(len(items))),
    "distinct": plain(unite),
    "isDistinct": plain(_is_distinct),
}
