"""FHIR history interaction: of an instance, a type, the system. https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fhir_server.errors import Invalid
from fhir_server.fhir import Resource
from fhir_server.fhir.bundle import build_bundle, stored_json
from fhir_server.fhir.instant import format_instant, now_ms
from fhir_server.fhir.primitives import parse_partial_date
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.subset import subset
from fhir_server.storage.history_window import HistoryWindow
from fhir_server.storage.stored import Stored

_PARAMETERS = frozenset({"_since", "_at", "_count", "_page", "_summary", "_elements"})


def history_instance(exchange: Exchange) -> FhirResponse:
    """GET [type]/[id]/_history"""
    return _history(exchange, "history-instance", [exchange.request.resource_type])


def history_type(exchange: Exchange) -> FhirResponse:
    """GET [type]/_history"""
    return _history(exchange, "history-type", [exchange.request.resource_type])


def history_system(exchange: Exchange) -> FhirResponse:
    """GET _history: over the types that the token may search and that declare a history."""
    declared = [n for n, t in exchange.declared.types.items() if "history-type" in t.interactions]
    return _history(exchange, "history-system", exchange.store.permitted_types(declared, "s"))


def _history(exchange: Exchange, interaction: str, resource_types: list[str]) -> FhirResponse:
    request = exchange.request
    unknown = [k for k, _ in request.query if k not in _PARAMETERS]
    if unknown and request.preference("handling") != "lenient":
        raise Invalid(f"history has no parameter {unknown[0][:64]}", f"http.{unknown[0][:64]}")
    count = read_count(exchange)
    applied = [(k, v) for k, v in request.query if k in _PARAMETERS and k != "_page"]
    text = f"{'/'.join(request.segments)}?{urlencode(applied)}"
    window = _window(exchange, request.id if interaction == "history-instance" else "", text)
    rows = exchange.store.history(interaction, resource_types, window, count)
    is_whole = 0 < count >= len(rows) and window.before is None
    total = len(rows) if is_whole else exchange.store.count_history(resource_types, window)
    links = [("self", f"{exchange.base_url}/{text}".removesuffix("?"))]
    if len(rows) > count:
        rows = rows[:count]
        page = exchange.seal.seal(_cursor(rows[-1]), exchange.store.context.token_id, text)
        links.append(
            (
                "next",
                f"{exchange.base_url}/{'/'.join(request.segments)}?{urlencode([*applied, ('_page', page)])}",
            )
        )
    entries = [_entry(exchange, row) for row in rows]
    return FhirResponse(200, build_bundle("history", entries, links, total, format_instant(now_ms())))


def read_count(exchange: Exchange) -> int:
    """Returns the page size asked by _count, within the limits of the server."""
    text = next((v for k, v in exchange.request.query if k == "_count"), None)
    if text is None:
        return exchange.limits.default_count
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Invalid("_count takes a whole number from 0", "http._count")
    return min(int(text), exchange.limits.max_count)


def _window(exchange: Exchange, resource_id: str, text: str) -> HistoryWindow:
    values = dict(exchange.request.query)
    since = at = before = None
    if "_since" in values:
        since = _interval("_since", values["_since"])[0]
    if "_at" in values:
        at = _interval("_at", values["_at"])
    if "_page" in values:
        cursor = exchange.seal.open(values["_page"], exchange.store.context.token_id, text)
        last, last_type, last_id = cursor
        before = (int(last), str(last_type), str(last_id))
    return HistoryWindow(resource_id, since, at, before)


def _interval(name: str, text: str) -> tuple[int, int]:
    # A "+" in a URL that was not encoded arrives as a space.
    interval = parse_partial_date(text.replace(" ", "+"))
    if interval is None:
        raise Invalid(f"{name} takes a date or an instant", f"http.{name}")
    return interval


def _cursor(last: Stored) -> list[Any]:
    return [last.last_updated, last.resource_type, last.id]


def _entry(exchange: Exchange, row: Stored) -> Resource:
    entry: Resource = {"fullUrl": f"{exchange.base_url}/{row.reference}"}
    if not row.deleted:
        entry["resource"] = stored_json(subset(row.raw, row.resource_type, exchange.request.query))
    url = row.resource_type if row.method == "POST" else row.reference
    entry["request"] = {"method": row.method, "url": url}
    status = {"DELETE": "204"}.get(row.method, "201" if row.version == 1 else "200")
    entry["response"] = {
        "status": status,
        "etag": f'W/"{row.version}"',
        "lastModified": format_instant(row.last_updated),
    }
    return entry
