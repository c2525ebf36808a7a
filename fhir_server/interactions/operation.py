"""Which operation a path invokes. https://hl7.org/fhir/R4/operations.html#executing"""

from __future__ import annotations

from fhir_server.errors import MethodNotAllowed, NotFound
from fhir_server.fhir.primitives import is_id
from fhir_server.interactions.messages import Exchange, Operation

CODE = "operation"
"""Code of http://hl7.org/fhir/restful-interaction."""


def is_operation(segments: tuple[str, ...]) -> bool:
    """Tells whether a path below the base invokes an operation."""
    return bool(segments) and segments[-1].startswith("$")


def find_operation(exchange: Exchange) -> Operation:
    """Returns the operation a request invokes; raises NotFound or MethodNotAllowed when there is none."""
    *place, last = exchange.request.segments
    name = last.removeprefix("$")
    operation = exchange.operations.get(name)
    if operation is None or not _is_offered(exchange, operation, name, tuple(place)):
        raise NotFound(f"the operation ${name[:64]} is not offered here")
    methods = ("POST",) if operation.affects_state else ("GET", "HEAD", "POST")
    if exchange.request.method not in methods:
        error = MethodNotAllowed(f"${name} is invoked by {' or '.join(methods)}")
        error.headers["Allow"] = ", ".join(methods)
        raise error
    return operation


def _is_offered(exchange: Exchange, operation: Operation, name: str, place: tuple[str, ...]) -> bool:
    level = {0: "system", 1: "type", 2: "instance"}.get(len(place), "")
    if level not in operation.levels:
        return False
    if level == "system":
        return name in exchange.declared.system_operations
    if level == "instance" and not is_id(place[1]):
        return False
    declared = exchange.declared.types.get(place[0])
    return declared is not None and name in declared.operations
