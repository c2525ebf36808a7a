"""memberOf(), subsumes() and subsumedBy(): what a terminology says of codes.

https://hl7.org/fhir/R4/fhirpath.html#functions, https://hl7.org/fhir/R4/codesystem.html#subsumption
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_server.fhirpath.functions.signature import Function, Table
from fhir_server.fhirpath.node import EMPTY, Collection, FhirPathError, Node, State, Step, boolean, single


def _member_of(value_set: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        member_of = state.environment.member_of
        if member_of is None:
            raise FhirPathError("memberOf() needs a terminology, none is given here")
        node = single(items, "memberOf()")
        canonical = single(value_set(state, state.focus), "memberOf()")
        if node is None or canonical is None:
            return EMPTY
        return boolean(member_of(node, str(canonical.value)))

    return step


def _codings(node: Node, where: str) -> Iterator[tuple[str, str]]:
    """Yields the (system, code) of a Coding, or of all Codings of a CodeableConcept."""
    if node.type not in ("Coding", "CodeableConcept") or not isinstance(node.value, dict):
        raise FhirPathError(f"{where}: expected a Coding or a CodeableConcept, found {node.type}")
    rows = [node.value] if node.type == "Coding" else node.value.get("coding")
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict):
            continue
        system, code = row.get("system"), row.get("code")
        if isinstance(system, str) and isinstance(code, str):
            yield system, code


def _subsumption(name: str, *, inverse: bool) -> Function:
    def build(code: Step) -> Step:
        def step(state: State, items: Collection) -> Collection:
            node, other = single(items, name), single(code(state, state.focus), name)
            if node is None or other is None:
                return EMPTY
            high, low = (other, node) if inverse else (node, other)
            return boolean(_subsumes(state, list(_codings(high, name)), list(_codings(low, name)), name))

        return step

    return Function(build, 1, 1)


def _subsumes(
    state: State, high: list[tuple[str, str]], low: list[tuple[str, str]], name: str
) -> bool | None:
    """Says whether any code subsumes any other; None where that is known of no pair, or open for one."""
    subsumes = state.environment.subsumes
    if subsumes is None:
        raise FhirPathError(f"{name} needs a terminology, none is given here")
    answers: set[bool | None] = set()
    for system, above in high:
        for other_system, below in low:
            state.spend(100)
            answers.add(subsumes(system, above, below) if system == other_system else None)
    if True in answers:
        return True
    return None if None in answers or not answers else False


CODED: Table = {
    "memberOf": Function(_member_of, 1, 1),
    "subsumes": _subsumption("subsumes()", inverse=False),
    "subsumedBy": _subsumption("subsumedBy()", inverse=True),
}
