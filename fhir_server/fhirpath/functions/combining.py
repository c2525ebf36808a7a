"""5.4 Combining. http://hl7.org/fhirpath/N1/#combining"""

from __future__ import annotations

from fhir_server.fhirpath.equality import unite
from fhir_server.fhirpath.functions.signature import Function, Table
from fhir_server.fhirpath.node import Collection, State, Step


def _combine(other: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        combined = items + other(state, state.focus)
        state.spend(len(combined))
        return combined

    return step


def _union(other: Step) -> Step:
    combine = _combine(other)
    return lambda state, items: unite(state, combine(state, items))


COMBINING: Table = {
    "union": Function(_union, 1, 1),
    "combine": Function(_combine, 1, 1),
}
