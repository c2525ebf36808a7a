"""Items, collections and the state of one evaluation. http://hl7.org/fhirpath/N1/#data-types"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from fhir_server.errors import Invalid, TooCostly
from fhir_server.fhir import Resource


class FhirPathError(Invalid):
    """An expression that cannot be compiled, or that has no meaning for the items it met."""


class FhirPathTooCostly(FhirPathError, TooCostly):
    """An evaluation that spent its limits."""

    status, code = TooCostly.status, TooCostly.code


class Node(NamedTuple):
    """One item of a collection."""

    value: Any
    """JSON value; of a primitive the JSON primitive, None where only its id or extensions are there."""
    type: str
    """FHIR structure (Quantity, dateTime, Observation.component, Patient) or System.String … of a result."""
    element: dict[str, Any] | None
    """The `_name` sibling of a primitive: its id and extensions."""


# NamedTuple's own constructor is a Python function; this one is half its price on the hot path.
make_node: Callable[[tuple[Any, str, dict[str, Any] | None]], Node] = partial(tuple.__new__, Node)

Collection = list[Node]
"""Never changed after it was made: steps share and return each other's lists."""

EMPTY: Collection = []
TRUE: Collection = [Node(True, "System.Boolean", None)]
FALSE: Collection = [Node(False, "System.Boolean", None)]


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings of one evaluation; what they stop raises FhirPathTooCostly."""

    steps: int = 200_000
    """Items visited by functions that iterate, and blocks of 64 characters written."""
    string: int = 1_000_000
    """Characters of one string result."""
    pattern: int = 1_000
    """Characters of a regular expression."""
    matched: int = 10_000
    """Characters of a string a regular expression is applied to."""
    seconds: float = 5
    """Time of an evaluation: a step may look at many children."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What an expression may know beside its input."""

    resource: Resource | None = None
    """%resource; the input itself when absent."""
    root_resource: Resource | None = None
    """%rootResource, the container of a contained %resource; %resource when absent."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """Further %variables: a Node, a list of Nodes, or a JSON scalar or resource."""
    resolve: Callable[[str], Resource | None] | None = None
    """Fetches the resource of a reference; without it resolve() knows only contained resources and types."""
    member_of: Callable[[Node, str], bool | None] | None = None
    """Says whether a coded item is in the value set of a canonical; None when it cannot be known."""
    conforms_to: Callable[[Node, str], bool | None] | None = None
    """Says whether an item meets the profile of a canonical; None when it cannot be known."""
    subsumes: Callable[[str, str, str], bool | None] | None = None
    """Says whether of a system the first code subsumes the second; None when it cannot be known."""
    slices_of: Callable[[Node, str, str], list[Node]] | None = None
    """Returns the children of an item that are in the slice (its name last) of a profile."""
    now: datetime | None = None
    """now(), today(), timeOfDay(); the clock when absent."""
    limits: Limits = field(default_factory=Limits)


class State:
    """What changes while one expression is evaluated; belongs to one thread."""

    __slots__ = ("budget", "context", "deadline", "environment", "focus", "index", "now", "spent", "total")

    def __init__(self, context: Node, environment: Environment) -> None:
        self.environment = environment
        self.context = context
        self.focus: Collection = [context]
        """$this; also what the arguments of functions are evaluated on."""
        self.index: int | None = None
        self.total: Collection = EMPTY
        self.budget = environment.limits.steps
        self.now: datetime | None = environment.now
        self.spent = 0
        self.deadline = 0.0

    def spend(self, steps: int) -> None:
        """Takes steps from the budget, refuses when it is spent."""
        self.budget -= steps
        self.spent += 1
        if not self.spent & 127:
            self._look_at_the_clock()
        if self.budget < 0:
            raise FhirPathTooCostly("The expression needs more steps than an evaluation is allowed")

    def _look_at_the_clock(self) -> None:
        now = monotonic()
        if not self.deadline:
            self.deadline = now + self.environment.limits.seconds
        elif now > self.deadline:
            raise FhirPathTooCostly("The expression needs more time than an evaluation is allowed")

    def spend_text(self, length: int) -> None:
        """Takes the cost of writing a string from the budget."""
        if length > self.environment.limits.string:
            raise FhirPathTooCostly("The expression makes a string longer than an evaluation is allowed")
        self.spend(length >> 6)


Step = Callable[[State, Collection], Collection]
"""A compiled expression: the state and its input collection → its result."""


def boolean(value: bool | None) -> Collection:
    """Returns a Boolean collection; None is empty."""
    if value is None:
        return EMPTY
    return TRUE if value else FALSE


def string(value: str) -> Collection:
    """Returns a collection of one String."""
    return [Node(value, "System.String", None)]


def integer(value: int) -> Collection:
    """Returns a collection of one Integer, empty outside its 32 bits (an overflow has no value)."""
    return [Node(value, "System.Integer", None)] if -(2**31) <= value < 2**31 else EMPTY


def single(items: Collection, where: str) -> Node | None:
    """Returns the only item, None of an empty collection. http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections"""
    if not items:
        return None
    if len(items) > 1:
        raise FhirPathError(f"{where}: expected a single item, found {len(items)}")
    return items[0]


def truth(items: Collection, where: str) -> bool | None:
    """Returns a collection as a Boolean: empty is None, a single item that is no Boolean is true."""
    if not items:
        return None
    if len(items) > 1:
        raise FhirPathError(f"{where}: expected a single item, found {len(items)}")
    node = items[0]
    value = node[0]
    if value is True or value is False:
        return value
    return None if value is None and node[1] == "boolean" else True
