"""References :below and :above: to a resource, or to what is part of it, or what it is part of.

https://hl7.org/fhir/R4/search.html#recursive
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fhir_server.errors import TooCostly
from fhir_server.search.extraction import type_table
from fhir_server.search.lookup import Lookup
from fhir_server.search.parameters.reference import PARENTS, ReferenceValue
from fhir_server.search.parameters.token import TokenValue
from fhir_server.search.query import Clause, Query

MAX_MEMBERS = 10_000
MAX_LEVELS = 32


def find_relatives(clause: Clause, lookup: Lookup) -> Clause:
    """Turns a clause about hierarchies into one about references to all their members."""
    values: dict[ReferenceValue, None] = {}
    for value in clause.values:
        if isinstance(value, ReferenceValue):
            for type_ in value.types:
                members = _members(type_, value.id, clause, lookup)
                values.update((ReferenceValue((type_,), id_), None) for id_ in members)
    others = tuple(v for v in clause.values if not isinstance(v, ReferenceValue))
    return replace(clause, modifier="", values=(*others, *values))


def _members(resource_type: str, resource_id: str, clause: Clause, lookup: Lookup) -> Iterable[str]:
    """Follows the hierarchy level by level; a circle in it ends where it began."""
    found = {resource_id: None}
    fresh = [resource_id]
    for _ in range(MAX_LEVELS):
        step = _below if clause.modifier == "below" else _above
        fresh = [id_ for id_ in step(resource_type, fresh, lookup) if id_ not in found]
        found.update(dict.fromkeys(fresh))
        if not fresh:
            return found
        if len(found) > MAX_MEMBERS:
            break
    raise TooCostly(
        f"{clause.name}: more than {MAX_MEMBERS} resources or {MAX_LEVELS} levels", f"http.{clause.name}"
    )


def _below(resource_type: str, ids: list[str], lookup: Lookup) -> list[str]:
    code = PARENTS[resource_type]
    values = tuple(ReferenceValue((resource_type,), id_) for id_ in ids)
    stored = type_table(resource_type).stored[code]
    clause = Clause(code, "reference", "", values, stored, code, ())
    return lookup.ids(Query(resource_type, (clause,)), required=True)


def _above(resource_type: str, ids: list[str], lookup: Lookup) -> list[str]:
    clause = Clause("_id", "token", "", tuple(TokenValue(None, id_) for id_ in ids), ("_id",), "_id", ())
    stored = type_table(resource_type).stored[PARENTS[resource_type]]
    return lookup.referenced(Query(resource_type, (clause,)), stored, resource_type)
