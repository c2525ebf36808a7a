"""FHIR search over several types: of the system, and of all that is in a compartment.

https://hl7.org/fhir/R4/http.html#search, https://hl7.org/fhir/R4/search.html#all
"""

from __future__ import annotations

from collections.abc import Iterable

from fhir_server.errors import Invalid, Issue, NotSupported
from fhir_server.interactions.compartment import in_compartment, member_types
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.search import page_size, read_query
from fhir_server.interactions.searchset import PageLinks, build_searchset, first_results
from fhir_server.search.query import Query


def search_system(exchange: Exchange) -> FhirResponse:
    """GET [base]?_type=A,B&parameters or POST [base]/_search: parameters that all the types have."""
    named = _named_types(exchange)
    types = named or exchange.store.permitted_types(exchange.declared.types, "s")
    queries, warnings = _read_queries(exchange, types)
    return _answer(exchange, queries, warnings, "")


def search_compartment_all(exchange: Exchange) -> FhirResponse:
    """GET [compartment]/[id]/*?parameters: all that is in the compartment, of the types in _type."""
    compartment, resource_id = exchange.request.segments[:2]
    members = member_types(compartment)
    named = _named_types(exchange)
    types = [t for t in named if t in members] or exchange.store.permitted_types(members, "s")
    queries, warnings = _read_queries(exchange, types)
    inside = [q.narrow(in_compartment(compartment, resource_id, q.resource_type)) for q in queries]
    return _answer(exchange, inside, warnings, f"{compartment}/{resource_id}/*")


def _named_types(exchange: Exchange) -> list[str]:
    names = [n for k, v in exchange.request.query if k == "_type" for n in v.split(",")]
    for name in names:
        declared = exchange.declared.types.get(name)
        if declared is None or "search-type" not in declared.interactions:
            raise Invalid(f"_type: {name[:64]!r} is no resource type that can be searched", "http._type")
    return list(dict.fromkeys(names))


def _read_queries(exchange: Exchange, types: Iterable[str]) -> tuple[list[Query], list[Issue]]:
    queries: list[Query] = []
    warnings: dict[Issue, None] = {}
    for resource_type in types:
        query, issues = read_query(exchange, resource_type)
        if query.is_of_contained:
            raise NotSupported("_contained: name one type to search for", "http._contained")
        queries.append(query)
        warnings.update(dict.fromkeys(issues))
    if len({tuple((key.code, key.type) for key in query.sort) for query in queries}) > 1:
        raise NotSupported("_sort: the types have different parameters of this name", "http._sort")
    return queries, list(warnings)


def _answer(exchange: Exchange, queries: list[Query], warnings: list[Issue], path: str) -> FhirResponse:
    first = queries[0] if queries else Query("Patient")
    types = [("_type", v) for k, v in exchange.request.query if k == "_type"]
    links = PageLinks(exchange, path, [*types, *first.applied])
    limit = page_size(exchange, first)
    page = first_results(
        first.max_results,
        links.cursor,
        limit,
        lambda most, cursor: exchange.store.search_types(queries, most, cursor),
    )
    total: int | None = None
    if first.total != "none" or first.is_count_only:
        accurate = first.total == "accurate" or first.is_count_only
        counts = [exchange.store.count(query, accurate=accurate) for query in queries]
        total = sum(c for c in counts if c is not None) if None not in counts else None
    return FhirResponse(200, build_searchset(exchange, page, links, total, warnings))
