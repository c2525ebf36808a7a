"""FHIR search interaction of one type, and in a compartment. https://hl7.org/fhir/R4/search.html"""

from __future__ import annotations

from fhir_server.errors import Issue
from fhir_server.interactions.compartment import in_compartment
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.searchset import PageLinks, build_searchset, first_results
from fhir_server.policy.guarded_search import Page
from fhir_server.search.parse import parse_query
from fhir_server.search.query import Query


def search_type(exchange: Exchange) -> FhirResponse:
    """GET [type]?parameters or POST [type]/_search: a searchset."""
    resource_type = exchange.request.resource_type
    query, warnings = read_query(exchange, resource_type)
    return answer_search(exchange, query, warnings, resource_type)


def search_compartment(exchange: Exchange) -> FhirResponse:
    """GET [compartment]/[id]/[type]?parameters: a searchset of what is in the compartment."""
    compartment, resource_id, resource_type = exchange.request.segments[:3]
    query, warnings = read_query(exchange, resource_type)
    query = query.narrow(in_compartment(compartment, resource_id, resource_type))
    return answer_search(exchange, query, warnings, "/".join(exchange.request.segments[:3]))


def read_query(exchange: Exchange, resource_type: str) -> tuple[Query, list[Issue]]:
    """Reads the parameters of the request as a search of one type."""
    return parse_query(
        resource_type,
        [(k, v) for k, v in exchange.request.query if k not in ("_page", "_type")],
        exchange.declared.search_parameters,
        lenient=exchange.request.preference("handling") == "lenient",
        base_url=exchange.base_url,
    )


def answer_search(exchange: Exchange, query: Query, warnings: list[Issue], path: str) -> FhirResponse:
    """Answers with one page of a search at a path below the base."""
    limit = page_size(exchange, query)
    links = PageLinks(exchange, path, query.applied)
    page = first_results(
        query.max_results,
        links.cursor,
        limit,
        lambda most, cursor: exchange.store.search(query, most, cursor),
    )
    is_whole = bool(limit) and links.is_first and page.cursor is None and page.is_last
    total = _total(exchange, query, page, is_whole=is_whole)
    return FhirResponse(200, build_searchset(exchange, page, links, total, warnings))


def page_size(exchange: Exchange, query: Query) -> int:
    """Returns how many matches a page has; none where only the count is asked."""
    if query.is_count_only:
        return 0
    count = exchange.limits.default_count if query.count is None else query.count
    return min(count, exchange.limits.max_count)


def _total(exchange: Exchange, query: Query, page: Page, *, is_whole: bool) -> int | None:
    if is_whole:
        return len(page.matches)
    if query.total == "none" and not query.is_count_only:
        return None
    return exchange.store.count(query, accurate=query.total == "accurate" or query.is_count_only)
