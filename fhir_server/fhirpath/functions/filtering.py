"""5.2 Filtering and projection. http://hl7.org/fhirpath/N1/#filtering-and-projection"""

from __future__ import annotations

from fhir_server.fhirpath.equality import equality_key
from fhir_server.fhirpath.functions.signature import Function, Table
from fhir_server.fhirpath.node import EMPTY, Collection, State, Step, boolean, single, truth
from fhir_server.fhirpath.types import TypeTest


def where(criteria: Step) -> Step:
    """Compiles where(criteria)."""

    def step(state: State, items: Collection) -> Collection:
        if not items:
            return items
        outer, outer_index = state.focus, state.index
        kept: Collection = []
        for state.index, node in enumerate(items):
            state.spend(1)
            state.focus = focus = [node]
            if truth(criteria(state, focus), "where()"):
                kept.append(node)
        state.focus, state.index = outer, outer_index
        return kept

    return step


def select(projection: Step) -> Step:
    """Compiles select(projection)."""

    def step(state: State, items: Collection) -> Collection:
        outer, outer_index = state.focus, state.index
        found: Collection = []
        for state.index, node in enumerate(items):
            state.focus = focus = [node]
            projected = projection(state, focus)
            # What was projected is paid too: a chain of projections may multiply it.
            state.spend(1 + len(projected))
            found.extend(projected)
        state.focus, state.index = outer, outer_index
        return found

    return step


def _repeat(projection: Step) -> Step:
    project = select(projection)

    def step(state: State, items: Collection) -> Collection:
        found: Collection = []
        seen = set()
        fresh = items
        while fresh:
            produced = project(state, fresh)
            fresh = []
            for node in produced:
                key = equality_key(node)
                if key not in seen:
                    seen.add(key)
                    fresh.append(node)
            found.extend(fresh)
        return found

    return step


def of_type(test: TypeTest) -> Step:
    """Compiles ofType(type)."""
    return lambda state, items: [node for node in items if test[node[1]]] if items else items


def is_of_type(test: TypeTest) -> Step:
    """Compiles is(type) and `is type`. http://hl7.org/fhirpath/N1/#types"""

    def step(state: State, items: Collection) -> Collection:
        node = single(items, "is")
        return EMPTY if node is None else boolean(test[node[1]])

    return step


FILTERING: Table = {
    "where": Function(where, 1, 1),
    "select": Function(select, 1, 1),
    "repeat": Function(_repeat, 1, 1),
    "ofType": Function(of_type, 1, 1, takes_type=True),
    # R4's own invariants apply as() to many items (dom-3), so it filters like ofType().
    "as": Function(of_type, 1, 1, takes_type=True),
    "is": Function(is_of_type, 1, 1, takes_type=True),
}
