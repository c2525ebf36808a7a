"""FHIR search interaction of one type. https://hl7.org/fhir/R4/search.html"""

from __future__ import annotations

from urllib.parse import urlencode

from fhir_server.errors import Issue
from fhir_server.fhir import Resource
from fhir_server.fhir.bundle import build_bundle, stored_json
from fhir_server.fhir.instant import format_instant, now_ms
from fhir_server.fhir.outcome import build_outcome
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.subset import subset
from fhir_server.policy.guard import Page
from fhir_server.search.parse import parse_query
from fhir_server.search.query import Query
from fhir_server.storage.stored import Stored


def search_type(exchange: Exchange) -> FhirResponse:
    """GET [type]?parameters or POST [type]/_search: a searchset."""
    request = exchange.request
    resource_type = request.resource_type
    query, warnings = parse_query(
        resource_type,
        [(k, v) for k, v in request.query if k != "_page"],
        exchange.declared.types[resource_type].search_parameters,
        lenient=request.preference("handling") == "lenient",
        base_url=exchange.base_url,
    )
    count = exchange.limits.default_count if query.count is None else query.count
    limit = 0 if query.summary == "count" else min(count, exchange.limits.max_count)
    text = f"{resource_type}?{urlencode(query.applied)}"
    page = exchange.store.search(query, limit, _opened(exchange, text))
    total = _total(exchange, query, page, limit)
    return FhirResponse(200, _searchset(exchange, query, page, total, text, warnings))


def _opened(exchange: Exchange, text: str) -> object:
    token = next((v for k, v in exchange.request.query if k == "_page"), None)
    if token is None:
        return None
    return exchange.seal.open(token, exchange.store.context.token_id, text)


def _total(exchange: Exchange, query: Query, page: Page, limit: int) -> int | None:
    if query.total == "none" and query.summary != "count":
        return None
    first_page = all(k != "_page" for k, _ in exchange.request.query)
    if limit and first_page and page.cursor is None:
        return len(page.matches)
    return exchange.store.count(query, accurate=query.total == "accurate" or query.summary == "count")


def _searchset(
    exchange: Exchange, query: Query, page: Page, total: int | None, text: str, warnings: list[Issue]
) -> Resource:
    base = exchange.base_url
    self_url = f"{base}/{text}".removesuffix("?")
    links = [("self", self_url)]
    if page.cursor is not None:
        token = exchange.seal.seal(page.cursor, exchange.store.context.token_id, text)
        following = urlencode([*query.applied, ("_page", token)])
        links += [("first", self_url), ("next", f"{base}/{query.resource_type}?{following}")]
    entries = [_match(exchange, stored) for stored in page.matches]
    if warnings:
        entries.append({"resource": build_outcome(warnings), "search": {"mode": "outcome"}})
    return build_bundle("searchset", entries, links, total, format_instant(now_ms()))


def _match(exchange: Exchange, stored: Stored) -> Resource:
    return {
        "fullUrl": f"{exchange.base_url}/{stored.reference}",
        "resource": stored_json(subset(stored.raw, stored.resource_type, exchange.request.query)),
        "search": {"mode": "match"},
    }
