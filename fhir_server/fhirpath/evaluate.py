"""The door of FHIRPath: compile an expression once, evaluate it on many resources. http://hl7.org/fhirpath/N1"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fhir_server.fhir import Resource
from fhir_server.fhirpath.compile import compile_tree, is_plain
from fhir_server.fhirpath.errata import ERRATA
from fhir_server.fhirpath.navigate import resource_type_of
from fhir_server.fhirpath.node import (
    Environment,
    FhirPathError,
    FhirPathTooCostly,
    Limits,
    Node,
    State,
    Step,
    make_node,
    truth,
)
from fhir_server.fhirpath.parse import parse

__all__ = [
    "Environment",
    "Expression",
    "FhirPathError",
    "FhirPathTooCostly",
    "Limits",
    "Node",
    "compile_expression",
    "compile_uncached",
]


class _Uncounted(State):
    """The state of expressions that only select; shared, never changed."""

    __slots__ = ()

    def spend(self, steps: int) -> None:
        """Counts nothing: the work is bounded by the length of the expression."""


_DEFAULT = Environment()
_UNCOUNTED = _Uncounted(Node({}, "Resource", None), _DEFAULT)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; stateless, shared by threads."""

    text: str
    context_type: str
    step: Step
    is_plain: bool
    """It only selects: its work is bounded by its length, and nothing changes while it is evaluated."""

    def evaluate(self, context: Resource | Node, environment: Environment | None = None) -> list[Node]:
        """Returns the items the expression yields for a resource or an element of one."""
        if isinstance(context, Node):
            node = context
        else:
            known = context.get("resourceType") == self.context_type
            node = make_node((context, self.context_type if known else resource_type_of(context), None))
        try:
            if self.is_plain:
                return self.step(_UNCOUNTED, [node])
            state = State(node, environment or _DEFAULT)
            return list(self.step(state, state.focus))
        except RecursionError:
            raise FhirPathTooCostly("The expression or its input is nested too deep") from None
        except (TypeError, ValueError, ArithmeticError) as error:
            # The input may be of any JSON: a number where the definition has a string has no operations.
            raise FhirPathError(f"FHIRPath has no answer for this input: {error}") from None

    def is_true(
        self, context: Resource | Node, environment: Environment | None = None, *, when_empty: bool = True
    ) -> bool:
        """Says whether an invariant holds; `when_empty` where there is no answer.

        No answer is no violation: ref-1 and bdl-8 of R4 have none where the element they speak of is absent.
        """
        answer = truth(self.evaluate(context, environment), self.text)
        return when_empty if answer is None else answer


@lru_cache(maxsize=8192)
def compile_expression(expression: str, context_type: str, *, distinct: bool = True) -> Expression:
    """Compiles an expression for inputs of one type; FhirPathError for what is no, or unsupported, FHIRPath.

    Branches of a union that begin with another resource type than `context_type` are left out. A search looks
    at every value, of those that FHIRPath finds equal too (not `distinct`): 1 'mg' may have a system or none.
    """
    return compile_uncached(expression, context_type, distinct=distinct)


def compile_uncached(expression: str, context_type: str, *, distinct: bool = True) -> Expression:
    """As `compile_expression`, for an expression of a client: it shall not stay in memory."""
    parsed = parse(ERRATA.get(expression, expression))
    step = compile_tree(parsed, context_type, distinct=distinct)
    return Expression(expression, context_type, step, is_plain(parsed))
