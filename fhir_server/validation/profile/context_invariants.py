"""Invariants on what carries an extension: all must hold, and %extension is the extension itself.

https://hl7.org/fhir/R4/structuredefinition-definitions.html#StructureDefinition.contextInvariant
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fhir_server.errors import FhirError
from fhir_server.fhir import Resource
from fhir_server.fhir.elements import Node as Walked
from fhir_server.fhir.elements import Path
from fhir_server.fhirpath.evaluate import FhirPathTooCostly, compile_expression
from fhir_server.fhirpath.node import FhirPathError, Node
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, fault, remark, show
from fhir_server.validation.profile.constraints import MAX_EXPRESSION

MAX_INVARIANTS = 32
"""Of one extension: a posted definition must not hold a worker."""

_ID = "extension:context-invariant"


def check_context_invariants(
    definition: Resource, extension: Walked, seen: Mapping[Path, Walked], context: Context
) -> list[Fault]:
    """Returns the faults of an extension whose definition asks something of the element that carries it."""
    rows = definition.get("contextInvariant")
    holder = seen.get(_holder_path(extension.path))
    if not isinstance(rows, list) or holder is None:
        return []
    url = show(str(definition.get("url")))
    if len(rows) > MAX_INVARIANTS:
        text = f"The extension {url} has more than {MAX_INVARIANTS} context invariants."
        return remark("warning", "not-supported", text, id=_ID)
    faults: list[Fault] = []
    for row in rows:
        if isinstance(row, str):
            faults += _check(row, url, extension, holder, context)
    return faults


def _holder_path(path: Path) -> Path:
    """Returns the path of what holds an extension; of a primitive not that of its `_` property."""
    above = path[:-2] if isinstance(path[-1], int) else path[:-1]
    return tuple(step.removeprefix("_") if isinstance(step, str) else step for step in above)


def _check(text: str, url: str, extension: Walked, holder: Walked, context: Context) -> list[Fault]:
    node = Node(holder.value, holder.type, holder.sibling)
    given = {**context.environment.variables, "extension": Node(extension.value, "Extension", None)}
    shown = show(text)
    try:
        if len(text) > MAX_EXPRESSION:
            raise FhirPathError(f"longer than {MAX_EXPRESSION} characters")
        expression = compile_expression(text, holder.type)
        if context.evaluate(expression, node, replace(context.environment, variables=given)):
            return []
    except FhirPathTooCostly as error:
        return fault("too-costly", f"{shown} cannot be evaluated: {error.diagnostics}", id=_ID)
    except FhirError as error:
        told = f"{shown} of the extension {url} could not be evaluated: {error.diagnostics}"
        return remark("warning", "exception", told, id=_ID)
    return fault("invariant", f"The extension {url} may stand only where {shown}.", id=_ID)
