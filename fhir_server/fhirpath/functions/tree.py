"""5.8 Tree navigation, 5.9 utility functions, aggregate() and type().

http://hl7.org/fhirpath/N1/#tree-navigation, #utility-functions, #aggregates, #reflection
"""

from __future__ import annotations

from datetime import datetime

from fhir_server.fhirpath.functions.signature import Function, Table, plain
from fhir_server.fhirpath.navigate import TYPE_INFO, children_of, descendants_of
from fhir_server.fhirpath.node import EMPTY, Collection, Node, State, Step


def _children(state: State, items: Collection) -> Collection:
    found = [child for node in items for child in children_of(node)]
    state.spend(len(found))
    return found


def _trace(name: Step, projection: Step | None = None) -> Step:
    # The trace goes nowhere: what it would write are the contents of a health record.
    return lambda state, items: items


def _moment(state: State) -> datetime:
    if state.now is None:
        state.now = datetime.now().astimezone()
    return state.now


def _now(state: State, items: Collection) -> Collection:
    return [Node(_moment(state).isoformat(timespec="milliseconds"), "System.DateTime", None)]


def _today(state: State, items: Collection) -> Collection:
    return [Node(_moment(state).date().isoformat(), "System.Date", None)]


def _time_of_day(state: State, items: Collection) -> Collection:
    return [Node(_moment(state).time().isoformat("milliseconds"), "System.Time", None)]


def _aggregate(aggregator: Step, start: Step | None = None) -> Step:
    def step(state: State, items: Collection) -> Collection:
        outer, outer_index, outer_total = state.focus, state.index, state.total
        total = start(state, state.focus) if start is not None else EMPTY
        for state.index, node in enumerate(items):
            state.focus, state.total = [node], total
            total = aggregator(state, state.focus)
            # What was gathered is paid each time: an aggregate may multiply it.
            state.spend(1 + len(total))
        state.focus, state.index, state.total = outer, outer_index, outer_total
        return total

    return step


def _type(state: State, items: Collection) -> Collection:
    found: Collection = []
    for node in items:
        namespace, _, name = (
            node.type.rpartition(".") if node.type.startswith("System.") else ("FHIR", "", node.type)
        )
        found.append(Node({"namespace": namespace, "name": name}, TYPE_INFO, None))
    return found


TREE: Table = {
    "children": plain(_children),
    "descendants": plain(descendants_of),
    "trace": Function(_trace, 1, 2),
    "now": plain(_now),
    "today": plain(_today),
    "timeOfDay": plain(_time_of_day),
    "aggregate": Function(_aggregate, 1, 2),
    "type": plain(_type),
}
