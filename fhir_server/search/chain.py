"""Searches inside a search: chains, reverse chains, lists and codes in any system, one step at a time.

https://hl7.org/fhir/R4/search.html#chaining, https://hl7.org/fhir/R4/search.html#has

Each step is a search of its own, so whoever answers it (policy/guarded_search.py) puts the caller's
reach into it: a chain finds nothing through resources that the caller may not search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fhir_server.errors import Invalid
from fhir_server.search.branches import implied_patients
from fhir_server.search.concepts import CONCEPT_MODIFIERS, find_codes
from fhir_server.search.entries import Filter, escape
from fhir_server.search.functional_lists import FUNCTIONAL_LISTS, current_list, narrowing
from fhir_server.search.hierarchies import find_relatives
from fhir_server.search.lookup import Lookup
from fhir_server.search.parameters.token import TokenValue
from fhir_server.search.query import Among, Chain, Clause, Condition, Group, Has, Members, Query

MAX_PATIENTS = 8
"""Whose current lists one search may ask for."""


def resolve(query: Query, lookup: Lookup) -> Query:
    """Returns the query with every step answered; what is left can be compiled."""
    in_record = any(implied_patients(clause, query.resource_type) for clause in query.clauses)
    clauses = tuple(
        clause if in_record and _is_plain(clause) else _resolve(clause, query.resource_type, lookup)
        for clause in query.clauses
    )
    patients = {p for clause in clauses for p in implied_patients(clause, query.resource_type)}
    listed = tuple(
        _among_members(clause, query.resource_type, sorted(patients) or [lookup.patient], lookup)
        if isinstance(clause, Members)
        else clause
        for clause in clauses
    )
    return replace(query, clauses=listed)


def _is_plain(clause: Condition) -> bool:
    """True for what a record is small enough to be asked without preparation."""
    return isinstance(clause, Clause) and not clause.modifier


def _resolve(clause: Condition, resource_type: str, lookup: Lookup) -> Condition:
    if isinstance(clause, Chain):
        return _among_references(clause, resource_type, lookup)
    if isinstance(clause, Has):
        found = lookup.referenced(resolve(clause.source, lookup), clause.stored, resource_type)
        return Among({"_id": {"$in": found}}, clause.name, clause.texts)
    if isinstance(clause, Group):
        return replace(clause, clauses=tuple(_resolve(c, resource_type, lookup) for c in clause.clauses))
    if isinstance(clause, Clause):
        return _resolve_clause(clause, resource_type, lookup)
    return clause


def _resolve_clause(clause: Clause, resource_type: str, lookup: Lookup) -> Condition:
    if clause.type == "token" and not clause.modifier:
        return _in_any_system(clause, resource_type, lookup)
    if clause.type == "token" and clause.modifier in CONCEPT_MODIFIERS:
        return find_codes(clause, resource_type, lookup)
    if clause.type == "reference" and clause.modifier in ("below", "above"):
        return find_relatives(clause, lookup)
    return clause


def _among_members(
    members: Members, resource_type: str, patients: Sequence[str], lookup: Lookup
) -> Condition:
    """Turns lists into what is on them: those of ids, and the current ones of the patients."""
    entries: dict[str, None] = {}
    narrowed: list[Condition] = []
    for list_ in members.lists:
        ids = _current(list_, patients, lookup) if list_ in FUNCTIONAL_LISTS else [list_]
        found = dict.fromkeys(entry for id_ in ids for entry in lookup.members(id_, resource_type))
        condition = narrowing(list_, resource_type)
        if condition is None:
            entries |= found
        else:
            both = (_among_ids(members, list(found)), condition)
            narrowed.append(Group("and", both, members.name, members.texts))
    among = _among_ids(members, list(entries))
    return Group("or", (among, *narrowed), members.name, members.texts) if narrowed else among


def _among_ids(members: Members, ids: list[str]) -> Among:
    return Among({"_id": {"$in": ids}}, members.name, members.texts)


def _current(list_: str, patients: Sequence[str], lookup: Lookup) -> list[str]:
    if len(patients) > MAX_PATIENTS or not all(patients):
        raise Invalid(f"_list: {list_} needs a patient, as in patient=42", "http._list")
    return [id_ for patient in patients if (id_ := lookup.first(current_list(list_, patient)))]


def _in_any_system(clause: Clause, resource_type: str, lookup: Lookup) -> Condition:
    """Turns a code without system into the tokens of the systems in use: an index gives those in order.

    An identifier leads to few anyway, and an id is no entry.
    """
    if clause.code in ("_id", "identifier") or not all(_is_in_any_system(v) for v in clause.values):
        return clause
    tokens: list[str] = []
    for code in clause.stored:
        for value in clause.values:
            found = lookup.tokens(resource_type, f"{code}={escape(value.code)}|")
            if found is None:
                return clause
            tokens += found
    return Among({"t": {"$in": tokens}}, clause.name, clause.texts)


def _is_in_any_system(value: Any) -> bool:
    return isinstance(value, TokenValue) and value.system is None and value.code is not None


def _among_references(chain: Chain, resource_type: str, lookup: Lookup) -> Among:
    """Turns a chain into references to what it finds, inside contained resources too."""
    tokens = [
        f"{code}={id_}|{target.resource_type}"
        for target in chain.targets
        for id_ in lookup.ids(target, required=len(chain.targets) == 1)
        for code in chain.stored
    ]
    filter_: Filter = {"t": {"$in": tokens}}
    containing = lookup.containing(resource_type, chain)
    if containing:
        filter_ = {"$or": [filter_, {"_id": {"$in": containing}}]}
    return Among(filter_, chain.name, chain.texts)
