"""What a type of search parameter offers: nodes to entries, words of a query to values, values to filters.

https://hl7.org/fhir/R4/search.html#ptypes
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from fhir_server.definitions.registry import SearchParameter
from fhir_server.errors import Invalid
from fhir_server.fhirpath.node import Node
from fhir_server.search.element_types import UNKNOWN, TokenElements
from fhir_server.search.entries import Filter

TYPE = "[type]"
"""Stands for every resource type as a modifier: subject:Patient."""

Entry = Any
"""Of `t`: what follows the parameter's name. Of `r`: (what follows the name, lo, hi)."""

Match = str | Filter
"""An exact token of `t`, or a filter on the document."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameter a value was given for."""

    resource_type: str
    parameter: SearchParameter
    modifier: str
    name: str
    """As it stands in the URL: subject:Patient."""
    base_url: str
    elements: TokenElements = UNKNOWN
    """Of token parameters."""

    def refuse(self, reason: str) -> Invalid:
        """Returns the error for a value that cannot be understood."""
        return Invalid(f"{self.name}: {reason}", f"http.{self.name}")


class TokenPattern(NamedTuple):
    """What a token holds behind `parameter=`."""

    text: str
    """Escaped."""
    exact: bool
    """False: the token only begins with `text`."""
    expression: str = ""
    """A regular expression, where its beginning is not known."""


@dataclass(frozen=True, slots=True)
class ParameterType:
    """One row of PARAMETER_TYPES."""

    field: str
    """Where its entries are: t or r."""
    modifiers: frozenset[str]
    extract: Callable[[Node, str], list[Entry]]
    """Node and base URL → entries."""
    parse: Callable[[str, Asked], Any]
    """One value of the query, still escaped → a frozen value; raises Invalid."""
    match: Callable[[str, str, Any], Match]
    """Parameter code, modifier and value → what the document must hold."""
    pattern: Callable[[Any, Asked], TokenPattern] | None = None
    """Of types in `t`: how a value looks as a component of a composite."""
    bounds: Callable[[Any], Filter] | None = None
    """Of types in `r`: what lo and hi must satisfy."""
