"""Searches inside a search: chains, reverse chains and lists, answered one step at a time.

https://hl7.org/fhir/R4/search.html#chaining, https://hl7.org/fhir/R4/search.html#has

Each step is a search of its own, so whoever answers it (policy/guarded_search.py) puts the caller's
reach into it: a chain finds nothing through resources that the caller may not search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from fhir_server.search.entries import Filter
from fhir_server.search.query import Among, Chain, Condition, Group, Has, Members, Query


class Lookup(Protocol):
    """What answers the steps."""

    def ids(self, query: Query, *, required: bool) -> list[str]:
        """Returns the ids that match; none where the type is closed to the caller, unless it is required."""

    def referenced(self, query: Query, stored: Sequence[str], resource_type: str) -> list[str]:
        """Returns the ids of a type to which matches refer by the entries named `stored`."""

    def members(self, list_id: str, resource_type: str) -> list[str]:
        """Returns the ids of a type that are entries of a List."""


def resolve(query: Query, lookup: Lookup) -> Query:
    """Returns the query with every step answered; what is left can be compiled."""
    clauses = tuple(_resolve(clause, query.resource_type, lookup) for clause in query.clauses)
    return replace(query, clauses=clauses)


def _resolve(clause: Condition, resource_type: str, lookup: Lookup) -> Condition:
    if isinstance(clause, Chain):
        return _among_references(clause, lookup)
    if isinstance(clause, Has):
        found = lookup.referenced(resolve(clause.source, lookup), clause.stored, resource_type)
        return Among({"_id": {"$in": found}}, clause.name, clause.texts)
    if isinstance(clause, Members):
        members = [id_ for list_id in clause.lists for id_ in lookup.members(list_id, resource_type)]
        return Among({"_id": {"$in": list(dict.fromkeys(members))}}, clause.name, clause.texts)
    if isinstance(clause, Group):
        return replace(clause, clauses=tuple(_resolve(c, resource_type, lookup) for c in clause.clauses))
    return clause


def _among_references(chain: Chain, lookup: Lookup) -> Among:
    tokens = [
        f"{code}={id_}|{target.resource_type}"
        for target in chain.targets
        for id_ in lookup.ids(resolve(target, lookup), required=len(chain.targets) == 1)
        for code in chain.stored
    ]
    filter_: Filter = {"t": {"$in": tokens}}
    return Among(filter_, chain.name, chain.texts)
