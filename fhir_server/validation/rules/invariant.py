"""Constraints: FHIRPath expressions that must be true of an element. https://hl7.org/fhir/R4/conformance-rules.html#constraints

No answer breaks an invariant as false does: so reads HL7's own validator. Expressions of R4 that were not
meant so are in fhirpath/errata.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from fhir_server.definitions.registry import Definitions, Invariant, Structure
from fhir_server.fhirpath import tree
from fhir_server.fhirpath.compile import compile_tree
from fhir_server.fhirpath.errata import ERRATA
from fhir_server.fhirpath.evaluate import Expression, FhirPathTooCostly, Node, compile_expression
from fhir_server.fhirpath.node import FhirPathError, make_node
from fhir_server.fhirpath.parse import parse
from fhir_server.fhirpath.presence import compile_presence, keys_read
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Check, Fault, ObjectCheck, Position, fault, gather
from fhir_server.validation.rules.written import WRITTEN, broken

Holds = Callable[[dict[str, Any], Context], bool]


class Rule(NamedTuple):
    """An invariant ready to run on the objects of one structure."""

    invariant: Invariant
    holds: Holds
    keys: frozenset[str] | None
    """It holds where the object has none of these keys; None: it must be asked always."""


def build_object(definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check of the invariants of a structure."""
    found = [i for i in definitions.invariants(structure.name) if i.key not in WRITTEN]
    return build_rules([build_rule(i, structure) for i in found])


def build_rules(rules: Iterable[Rule]) -> ObjectCheck | None:
    """Returns one check of several invariants: those that the keys of an object leave open are evaluated."""
    rules = list(rules)
    if not rules:
        return None
    always = tuple(rule for rule in rules if rule.keys is None)
    gated = tuple((rule.keys, rule) for rule in rules if rule.keys is not None)
    gate: frozenset[str] = frozenset().union(*(keys for keys, _ in gated))

    def check(value: dict[str, Any], context: Context) -> list[Fault] | None:
        asked = always
        if not gate.isdisjoint(value):
            asked += tuple(rule for keys, rule in gated if not keys.isdisjoint(value))
        return _ask(asked, value, context) if asked else None

    return check


def _ask(rules: tuple[Rule, ...], value: dict[str, Any], context: Context) -> list[Fault] | None:
    faults: list[Fault] | None = None
    try:
        for invariant, holds, _ in rules:
            if not holds(value, context):
                faults = gather(faults, broken(invariant))
    except FhirPathTooCostly as error:
        text = f"The invariants cannot be checked: {error.diagnostics}"
        return gather(faults, fault("too-costly", text, id="depth"))
    return faults


def build_rule(invariant: Invariant, structure: Structure) -> Rule:
    """Compiles an invariant for the objects of a structure; raises FhirPathError for what is no FHIRPath."""
    parsed = parse(ERRATA.get(invariant.expression, invariant.expression))
    keys = keys_read(parsed, structure)
    holds = _holds(parsed, structure)
    if keys is not None and not holds({}, Context({})):
        keys = None
    return Rule(invariant, holds, keys)


def _holds(part: tree.Tree, structure: Structure) -> Holds:
    """Compiles to: is it true? Look-ups where they suffice, so that few parts are evaluated as FHIRPath."""
    presence = compile_presence(part, structure)
    if presence is not None:
        return lambda value, _: presence(value) is True
    if isinstance(part, tree.Binary):
        if part.operator in ("and", "or"):
            return _joined(part, structure)
        left = compile_presence(part.left, structure) if part.operator == "implies" else None
        if left is not None:
            right = _holds(part.right, structure)
            return lambda value, context: left(value) is False or right(value, context)
    return _gated(part, structure)


def _joined(part: tree.Binary, structure: Structure) -> Holds:
    left, right = _holds(part.left, structure), _holds(part.right, structure)
    if part.operator == "and":
        return lambda value, context: left(value, context) and right(value, context)
    return lambda value, context: left(value, context) or right(value, context)


def _gated(part: tree.Tree, structure: Structure) -> Holds:
    """Compiles to an evaluation, but for objects that have nothing of what it reads."""
    evaluate = _evaluate(
        Expression("", structure.name, compile_tree(part, structure.name), False), structure.name
    )
    keys = keys_read(part, structure)
    if keys is None:
        return evaluate
    of_nothing = evaluate({}, Context({}))

    def holds(value: dict[str, Any], context: Context) -> bool:
        return of_nothing if keys.isdisjoint(value) else evaluate(value, context)

    return holds


def _evaluate(expression: Expression, type_name: str) -> Holds:
    def holds(value: dict[str, Any], context: Context) -> bool:
        try:
            return context.evaluate(expression, make_node((value, type_name, None)))
        except FhirPathTooCostly:
            raise
        except FhirPathError:
            # Of R4's own invariants none fails on a valid structure: what is wrong is told already.
            return True

    return holds


def build(position: Position, check: Check) -> Check:
    """Returns the check with the invariants that one element has beside those of its type."""
    path = f"{position.owner.name}.{position.element.name}"
    if position.definitions.structure_or_none(path) is not None:
        return check
    rules = [
        (i, compile_expression(i.expression, position.type))
        for i in position.definitions.invariants(path)
        if i.key not in WRITTEN
    ]
    if not rules:
        return check

    def check_invariants(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        faults = check(value, owner, context)
        for invariant, expression in rules:
            if not _is_true(expression, Node(value, position.type, None), context):
                faults = gather(faults, broken(invariant))
        return faults

    return check_invariants


def _is_true(expression: Expression, node: Node, context: Context) -> bool:
    try:
        return context.evaluate(expression, node)
    except FhirPathError:
        return True
