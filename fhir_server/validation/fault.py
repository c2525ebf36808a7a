"""What a rule answers: faults whose path grows on their way out, so that valid resources pay nothing.

https://hl7.org/fhir/R4/operationoutcome.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from fhir_server.definitions.registry import Definitions, Element, Structure
from fhir_server.fhir.json import SpelledDecimal
from fhir_server.validation.context import Context

LIMIT = 200
"""Faults of one resource after which a check stops: a hostile resource must not cost more than others."""

NO_CONTENT = "ele-1: an element must have a value or children besides its id."

_JSON_TYPES = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    Decimal: "a number",
    SpelledDecimal: "a number",
    float: "a binary float",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


@dataclass(slots=True)
class Fault:
    """One broken rule."""

    code: str
    """https://hl7.org/fhir/R4/valueset-issue-type.html"""
    text: str
    path: list[str] = field(default_factory=list)
    """Segments from the culprit outwards: ["[1]", ".given", "[0]", ".name"]."""
    severity: str = "error"
    message_id: str = ""
    """Which rule speaks: invariant:obs-6, cardinality:min …"""


Check = Callable[[Any, dict[str, Any], Context], list[Fault] | None]
"""(value, object that holds it, context) → faults, None or empty when there is none."""

ObjectCheck = Callable[[dict[str, Any], Context], list[Fault] | None]
"""(object, context) → faults, for rules between the elements of one object."""


class Position(NamedTuple):
    """Where a value stands in the definitions; what a rule needs to build its check."""

    definitions: Definitions
    owner: Structure
    element: Element
    key: str
    """JSON key: valueQuantity."""
    type: str
    """Structure of the value: Quantity, string, Patient.contact, Resource."""
    find: Callable[[str], Check]
    """Structure name → check of its objects."""


def fault(code: str, text: str, *path: str, id: str = "") -> list[Fault]:
    """Returns one fault as the list that a check answers; `id` names the rule."""
    return [Fault(code, text, list(path), "error", id or code)]


def remark(severity: str, code: str, text: str, *path: str, id: str) -> list[Fault]:
    """As `fault`, of another severity: warning or information."""
    return [Fault(code, text, list(path), severity, id)]


def wrong_type(expected: str, value: Any) -> list[Fault]:
    """Returns the fault of a value of another JSON type than expected."""
    found = _JSON_TYPES.get(type(value), "something else")
    return fault("structure", f"Expected {expected}, found {found}.", id="type:json")


def gather(faults: list[Fault] | None, found: list[Fault], segment: str = "") -> list[Fault]:
    """Adds faults found below a segment to those of its parent."""
    if segment:
        for item in found:
            item.path.append(segment)
    if faults is None:
        return found
    faults += found
    return bounded(faults) if len(faults) > 2 * LIMIT else faults


def is_full(faults: list[Fault]) -> bool:
    """True when there are so many errors that a check stops; remarks do not count."""
    return len(faults) >= LIMIT and sum(item.severity == "error" for item in faults) >= LIMIT


def bounded(faults: list[Fault]) -> list[Fault]:
    """Returns at most LIMIT faults in their order; errors are never dropped for the sake of remarks."""
    room = max(LIMIT - sum(item.severity == "error" for item in faults), 0)
    kept: list[Fault] = []
    for item in faults:
        if item.severity != "error":
            room -= 1
            if room < 0:
                continue
        kept.append(item)
    return kept[:LIMIT]


def only_remarks(faults: list[Fault]) -> bool:
    """True when none of the faults is an error."""
    return all(item.severity != "error" for item in faults)


def show(value: str) -> str:
    """Returns a value as a message may repeat it: quoted and short."""
    return repr(value if len(value) <= 64 else value[:61] + "...")
