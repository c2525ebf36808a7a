"""Constraints that a profile adds. https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.constraint"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.registry import Invariant, Structure, load_definitions
from fhir_server.errors import FhirError
from fhir_server.fhirpath.evaluate import Expression, FhirPathTooCostly, compile_uncached
from fhir_server.fhirpath.node import FhirPathError, Node
from fhir_server.fhirpath.parse import parse
from fhir_server.fhirpath.presence import Presence, compile_presence
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, fault, gather, remark
from fhir_server.validation.profile.parts import Item, ItemCheck
from fhir_server.validation.rules.written import broken

MAX_EXPRESSION = 16_384
_OF_ALL = frozenset({"ele-1", "ext-1"})


def build_constraints(rows: Any, type_: str, known: set[str], problems: list[str]) -> ItemCheck | None:
    """Returns the check of the constraints that R4 does not already have; adds those that do not compile."""
    structure = load_definitions().structure_or_none(type_)
    found = [
        compiled
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and row.get("key") not in known | _OF_ALL
        if (compiled := _compile(row, type_, problems)) is not None
    ]
    if not found:
        return None
    looked_up, evaluated = _divide(found, structure)

    def check(item: Item, context: Context) -> list[Fault] | None:
        faults: list[Fault] | None = None
        if item.value.__class__ is dict:
            for invariant, presence in looked_up:
                if presence(item.value) is not True:
                    faults = gather(faults, broken(invariant))
        for invariant, expression in evaluated:
            node = Node(item.value, item.type, item.sibling)
            below = _evaluate(invariant, expression, node, context)
            if below:
                faults = gather(faults, below)
        return faults

    return check


def _divide(
    found: list[tuple[Invariant, Expression]], structure: Structure | None
) -> tuple[list[tuple[Invariant, Presence]], list[tuple[Invariant, Expression]]]:
    """Returns the constraints that look-ups answer, and those that are evaluated."""
    looked_up: list[tuple[Invariant, Presence]] = []
    evaluated: list[tuple[Invariant, Expression]] = []
    for invariant, expression in found:
        presence = None
        if structure is not None and not structure.is_primitive:
            presence = compile_presence(parse(invariant.expression), structure)
        if presence is None:
            evaluated.append((invariant, expression))
        else:
            looked_up.append((invariant, presence))
    return looked_up, evaluated


def _compile(row: dict[str, Any], type_: str, problems: list[str]) -> tuple[Invariant, Expression] | None:
    text = row.get("expression")
    if not isinstance(text, str) or not text:
        return None
    key, severity = str(row.get("key"))[:64], str(row.get("severity", "error"))
    try:
        if len(text) > MAX_EXPRESSION:
            raise FhirPathError(f"longer than {MAX_EXPRESSION} characters")
        expression = compile_uncached(text, type_ or "Element")
    except FhirError as error:
        problems.append(f"constraint {key}: {error.diagnostics}")
        return None
    return Invariant(key, severity, text, str(row.get("human", ""))[:500]), expression


def _evaluate(
    invariant: Invariant, expression: Expression, node: Node, context: Context
) -> list[Fault] | None:
    try:
        if context.evaluate(expression, node):
            return None
    except FhirPathTooCostly as error:
        text = f"{invariant.key} cannot be evaluated: {error.diagnostics}"
        return fault("too-costly", text, id=f"invariant:{invariant.key}")
    except FhirPathError as error:
        text = f"{invariant.key} could not be evaluated: {error.diagnostics}"
        return remark("warning", "exception", text, id=f"invariant:{invariant.key}")
    return broken(invariant)
