"""Search parameters of a scope → what an index entry must say; the search compiler gives them their meaning.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#finer-grained-resource-constraints-using-search-parameters
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import FhirError, Invalid
from fhir_server.search.compile import compile_query
from fhir_server.search.entries import Filter
from fhir_server.search.parameters.composite import CompositeValue
from fhir_server.search.parameters.date import DateValue
from fhir_server.search.parse import parse_query
from fhir_server.search.query import Clause

Parameters = tuple[tuple[str, str], ...]
"""Name and value of each search parameter of a scope; all of them hold."""

OF_EVERY_TYPE = frozenset({"_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"})
"""Parameters that mean the same for every resource type."""


@lru_cache(maxsize=4096)
def compile_parameters(resource_type: str, parameters: Parameters, base_url: str) -> Filter:
    """Returns the filter of what meets all parameters; raises Invalid for what cannot be held to exactly.

    The filter is shared, so nobody changes it. What is deleted meets none.
    """
    for name, _ in parameters:
        _check_name(name)
    try:
        query, ignored = parse_query(
            resource_type,
            parameters,
            load_definitions().search_parameters,
            lenient=False,
            base_url=base_url,
        )
    except FhirError as error:
        raise Invalid(error.diagnostics, "scope") from error
    if ignored:
        raise Invalid(ignored[0].diagnostics, "scope")
    for clause in query.clauses:
        if any(isinstance(v, DateValue) and v.prefix == "ap" for v in _values(clause)):
            raise Invalid("ap means another time on every day, so a scope cannot say it", "scope")
    return compile_query(query).filter


def _check_name(name: str) -> None:
    if "." in name or name.startswith("_has"):
        raise Invalid(f"{name[:64]}: a scope cannot follow references to other resources", "scope")
    if ":" in name:
        raise Invalid(f"{name[:64]}: modifiers in scopes are not offered", "scope")
    if name.startswith("_") and name not in OF_EVERY_TYPE:
        raise Invalid(f"{name[:64]} says nothing about a resource that a scope could be held to", "scope")


def _values(clause: Any) -> Iterator[Any]:
    for value in clause.values if isinstance(clause, Clause) else ():
        yield value
        if isinstance(value, CompositeValue):
            yield from value.values
