"""Which queries look at every resource of a type, whatever they find. docs/search.md

A clause bounds a query when the index leads from it to what matches; one that only says what does
not match, or what is contained somewhere, leads nowhere.
"""

from __future__ import annotations

from fhir_server.search.extraction import FIELDS, type_table
from fhir_server.search.query import Among, Chain, Clause, Compartment, Condition, Group, Has, Members, Query

_UNBOUND_MODIFIERS = frozenset({"not", "missing", "not-in", "contains"})


def describe_scan(query: Query) -> str:
    """Returns why a query would look at every resource of its type; "" when an index bounds it."""
    if is_bound(query):
        return ""
    names = [clause.name for clause in query.clauses if not isinstance(clause, Compartment)]
    if names:
        return f"{', '.join(dict.fromkeys(names))} alone would look at every {query.resource_type}"
    if query.sort and not _is_indexed_order(query):
        return f"to sort by {query.sort[0].code} without criteria would look at every {query.resource_type}"
    return ""


def is_bound(query: Query) -> bool:
    """True where an index leads to what matches."""
    return any(_bounds(clause) for clause in query.clauses)


def _bounds(clause: Condition) -> bool:
    if isinstance(clause, Group):
        join = {"and": any, "or": all}.get(clause.operator)
        return join is not None and join(_bounds(c) for c in clause.clauses)
    if isinstance(clause, Clause):
        return clause.modifier not in _UNBOUND_MODIFIERS and not _excludes(clause)
    if isinstance(clause, Among):
        return clause.is_bound
    return isinstance(clause, Compartment | Chain | Has | Members)


def _excludes(clause: Clause) -> bool:
    """True for ne: everything but one value."""
    return any(text.startswith("ne") for text in clause.texts) and clause.type in (
        "date",
        "number",
        "quantity",
    )


def _is_indexed_order(query: Query) -> bool:
    first = query.sort[0]
    if first.code in FIELDS:
        return first.code == "_id" or len(query.sort) == 1
    primary = type_table(query.resource_type).primary_date
    return len(query.sort) == 1 and first.descending and first.code == primary
