"""Query → plan: what MongoDB is to be asked, as data; nothing is executed here.

https://hl7.org/fhir/R4/search.html, docs/decisions/0011-index-entries.md
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.errors import Invalid
from fhir_server.search.branches import Branches, plan_branches
from fhir_server.search.entries import CONTAINED_TARGET, EVERYTHING, PRESENT, Filter, narrow, prefix_range
from fhir_server.search.extraction import type_table
from fhir_server.search.intervals import bounded, point_length
from fhir_server.search.parameters import PARAMETER_TYPES, composite
from fhir_server.search.parameters.date import DateValue
from fhir_server.search.parameters.parameter_type import Match
from fhir_server.search.parameters.token import TokenValue
from fhir_server.search.query import Among, Clause, Compartment, Condition, Group, Query, SortKey
from fhir_server.search.result_parameters import SCORE
from fhir_server.search.scores import relevant_tokens
from fhir_server.search.sort import Cursor, Sort, Stage, plan_sort


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled search."""

    resource_type: str
    filter: Filter
    """Always bounds `t`, which a deleted resource has empty."""
    sort: Sort
    branches: Branches | None = None
    """The same criteria, as indexes answer them best."""

    def match(self, constraint: Filter) -> Filter:
        """Returns the filter under a further one."""
        if self.branches is not None:
            return self.branches.match(constraint)
        return narrow(self.filter, constraint) if constraint else self.filter

    def pipeline(self, constraint: Filter, limit: int, cursor: Cursor | None = None) -> list[Stage]:
        """Returns the stages for a page under a further filter; no limit when it is 0."""
        stages = self.sort.stages(self.match(constraint), cursor)
        return [*stages, {"$limit": limit}] if limit else stages

    def cursor(self, documents: Sequence[dict[str, Any]], previous: Cursor | None = None) -> Cursor:
        """Returns the cursor of the page that ends with these documents; the next page starts there."""
        return self.sort.cursor(documents, previous)


def compile_query(query: Query, *, by_values: bool = False) -> Plan:
    """Compiles a query; `by_values` chooses the way to sort that all types share."""
    compiled = [_compile(c, query.resource_type) for c in query.clauses]
    is_bound = any(_bounds_tokens(c, query.resource_type) for c in query.clauses)
    everything: list[Filter] = [] if is_bound else [{"t": {"$eq": EVERYTHING}}]
    if not is_bound:
        compiled = [_lead(c, f) for c, f in zip(query.clauses, compiled, strict=True)]
    filters = everything + compiled
    return Plan(
        query.resource_type,
        filters[0] if len(filters) == 1 else {"$and": filters},
        plan_sort(query.resource_type, _scored(query), by_values=by_values),
        plan_branches(query, compiled, everything),
    )


def _scored(query: Query) -> tuple[SortKey, ...]:
    """Returns the sort with the words that _score counts."""
    if not any(key.type == SCORE for key in query.sort):
        return query.sort
    tokens = relevant_tokens(query)
    if not tokens:
        raise Invalid("_sort: _score needs _text or _content", "http._sort")
    return tuple(replace(key, stored=tokens) if key.type == SCORE else key for key in query.sort)


def _lead(clause: Condition, filter_: Filter) -> Filter:
    """Makes a range such that its index is worth reading."""
    if not isinstance(clause, Clause) or clause.modifier:
        return filter_
    alternatives = filter_["$or"] if set(filter_) == {"$or"} else [filter_]
    return _any([bounded(f, point_length(clause.type)) for f in alternatives])


def compartment_filter(patient: str) -> Filter:
    """Returns what is in a patient's compartment: `p`, or a token where it is in several."""
    return {"$or": [{"p": {"$eq": patient}}, {"t": {"$eq": f"p={patient}"}}]}


def _bounds_tokens(clause: Condition, resource_type: str) -> bool:
    """True where what matches has an entry in `t` anyway."""
    if isinstance(clause, Among):
        return set(clause.filter) == {"t"}
    if not isinstance(clause, Clause) or clause.modifier in ("not", "missing"):
        return False
    return clause.code not in _FIELDS and _is_tokens(clause, resource_type)


def _is_tokens(clause: Clause, resource_type: str) -> bool:
    if clause.type != "composite":
        return PARAMETER_TYPES[clause.type].field == "t"
    components = type_table(resource_type).components[clause.code]
    return all(PARAMETER_TYPES[t].field == "t" for t, _ in components)


def _compile(clause: Condition, resource_type: str) -> Filter:
    if isinstance(clause, Compartment):
        return compartment_filter(clause.patient)
    if isinstance(clause, Among):
        return clause.filter
    if isinstance(clause, Group):
        return {_OPERATORS[clause.operator]: [_compile(c, resource_type) for c in clause.clauses]}
    if not isinstance(clause, Clause):
        raise AssertionError(f"{clause.name} has not been answered")
    return _compile_clause(clause, resource_type)


_OPERATORS = {"and": "$and", "or": "$or", "not": "$nor"}


def _compile_clause(clause: Clause, resource_type: str) -> Filter:
    field = _FIELDS.get(clause.code)
    if field is not None:
        filter_ = field(clause.values)
        return {"$nor": [filter_]} if clause.modifier == "not" else filter_
    if clause.modifier == "missing":
        present = _present(clause, resource_type)
        return {"$nor": present} if clause.values[0] else _any(present)
    matches = [_match(code, clause, value) for code in clause.stored for value in clause.values]
    tokens = list(dict.fromkeys(m for m in matches if isinstance(m, str)))
    filters = [m for m in matches if not isinstance(m, str)]
    if clause.modifier == "not":
        return (
            {"$nor": filters + [{"t": {"$in": tokens}}] * bool(tokens)}
            if filters
            else {"t": {"$nin": tokens}}
        )
    if tokens:
        filters.insert(0, {"t": {"$eq": tokens[0]} if len(tokens) == 1 else {"$in": tokens}})
    return _any(filters)


def _any(filters: list[Filter]) -> Filter:
    return filters[0] if len(filters) == 1 else {"$or": filters}


def _match(code: str, clause: Clause, value: Any) -> Match:
    if clause.type == "composite":
        return composite.match(code, value)
    return PARAMETER_TYPES[clause.type].match(code, clause.modifier, value)


def _present(clause: Clause, resource_type: str) -> list[Filter]:
    """Returns the filters of which one holds where the parameter has a value.

    There is no entry for that: all entries of the parameter are one range of the index.
    """
    tokens = _is_tokens(clause, resource_type)
    filters: list[Filter] = []
    for code in clause.stored:
        if tokens:
            filters.append({"t": {"$elemMatch": prefix_range(f"{code}=")}})
        elif clause.type in ("date", "number"):
            filters.append({"r": {"$elemMatch": {"k": {"$eq": code}}}})
        else:
            filters.append({"r": {"$elemMatch": {"k": prefix_range(f"{code}=")}}})
        if clause.type == "reference":
            filters.append({"t": {"$elemMatch": prefix_range(f"{code}:identifier=")}})
            filters.append({"t": {"$elemMatch": prefix_range(f"{code}{CONTAINED_TARGET}")}})
        filters.append({"t": {"$eq": code + PRESENT}})
    return filters


def _match_id(values: Sequence[TokenValue]) -> Filter:
    # An id has no system: with one nothing matches.
    return {"_id": {"$in": [v.code for v in values if v.code is not None and not v.system]}}


def _match_last_updated(values: Sequence[DateValue]) -> Filter:
    return _any([_LAST_UPDATED[v.prefix](v.lo, v.hi) for v in values])


_FIELDS: dict[str, Any] = {"_id": _match_id, "_lastUpdated": _match_last_updated}

# An instant is the interval of its millisecond, so bounds on both of its ends are bounds on `lu`.
_LAST_UPDATED: dict[str, Any] = {
    "eq": lambda lo, hi: {"lu": {"$gte": lo, "$lt": hi}},
    "ne": lambda lo, hi: {"$or": [{"lu": {"$lt": lo}}, {"lu": {"$gte": hi}}]},
    "gt": lambda lo, hi: {"lu": {"$gte": hi}},
    "lt": lambda lo, hi: {"lu": {"$lt": lo}},
    "ge": lambda lo, hi: {"lu": {"$gte": lo}},
    "le": lambda lo, hi: {"lu": {"$lt": hi}},
    "sa": lambda lo, hi: {"lu": {"$gte": hi}},
    "eb": lambda lo, hi: {"lu": {"$lt": lo}},
    "ap": lambda lo, hi: {"lu": {"$gte": lo, "$lt": hi}},
}
