"""The Bundle of a search: matches, what they include, links, total. https://hl7.org/fhir/R4/search.html#return"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fhir_server.errors import Invalid, Issue
from fhir_server.fhir import Resource
from fhir_server.fhir.bundle import build_bundle, stored_json
from fhir_server.fhir.instant import format_instant, now_ms
from fhir_server.fhir.outcome import build_outcome
from fhir_server.interactions.messages import Exchange
from fhir_server.interactions.subset import subset
from fhir_server.policy.guarded_search import INCLUDE_BOUND, Page
from fhir_server.storage.stored import Stored

EARLIER = 20
"""Pages that one can go back, one by one; the first is always there."""

_CUT = Issue(
    "warning",
    "too-costly",
    f"the includes of this page bring more than {INCLUDE_BOUND} resources; the rest was left out",
    "http._include",
)


class PageLinks:
    """Where a page stands between the others; its tokens are sealed for one caller and one search."""

    def __init__(self, exchange: Exchange, path: str, applied: Iterable[tuple[str, str]]) -> None:
        self._exchange = exchange
        self._text = f"{path}?{urlencode(list(applied))}"
        self.cursor, self._earlier = self._open()

    @property
    def is_first(self) -> bool:
        return self.cursor is None

    def _open(self) -> tuple[Any, list[Any]]:
        token = next((v for k, v in self._exchange.request.query if k == "_page"), None)
        if token is None:
            return None, []
        content = self._exchange.seal.open(token, self._exchange.store.context.token_id, self._text)
        if not isinstance(content, list) or len(content) != 2:
            raise Invalid("the page token does not fit this search", "http._page")
        return content[0], content[1]

    def build(self, following: Any) -> list[tuple[str, str]]:
        """Returns the links of this page; `following` is the cursor of the next one."""
        own = self._url(None, [])
        links = [("self", own if self.is_first else self._url(self.cursor, self._earlier))]
        if following is not None or not self.is_first:
            links.append(("first", own))
        if not self.is_first and self._earlier:
            links.append(("previous", self._url(self._earlier[-1], self._earlier[:-1])))
        if following is not None:
            links.append(("next", self._url(following, [*self._earlier, self.cursor][-EARLIER:])))
        return links

    def _url(self, cursor: Any, earlier: list[Any]) -> str:
        url = f"{self._exchange.base_url}/{self._text}"
        if cursor is None:
            return url.removesuffix("?")
        page = self._exchange.seal.seal([cursor, earlier], self._exchange.store.context.token_id, self._text)
        return f"{url}{'' if url.endswith('?') else '&'}_page={page}"


def first_results(most: int, cursor: Any, limit: int, search: Callable[[int, Any], Page]) -> Page:
    """Returns a page of a search that ends after `most` matches (_maxresults); 0 for all.

    Its cursors say how many came before.
    """
    if not most:
        return search(limit, cursor)
    inner, seen = cursor if cursor is not None else (None, 0)
    page = search(min(limit, most - seen), inner)
    seen += len(page.matches)
    following = [page.cursor, seen] if page.cursor is not None and seen < most else None
    return replace(page, cursor=following, is_last=page.cursor is None)


def build_searchset(
    exchange: Exchange, page: Page, links: PageLinks, total: int | None, warnings: list[Issue]
) -> Resource:
    """Returns the searchset of a page."""
    entries = [_entry(exchange, stored, "match") for stored in page.matches]
    for entry, stored in zip(entries, page.matches, strict=True):
        if stored.reference in page.scores:
            entry["search"]["score"] = page.scores[stored.reference]
    entries += [_entry(exchange, stored, "include") for stored in page.included]
    issues = [*warnings, _CUT] if page.is_cut else warnings
    if issues:
        entries.append({"resource": build_outcome(issues), "search": {"mode": "outcome"}})
    return build_bundle("searchset", entries, links.build(page.cursor), total, format_instant(now_ms()))


def _entry(exchange: Exchange, stored: Stored, mode: str) -> Resource:
    query = exchange.request.query
    if mode == "include":
        query = tuple((k, v) for k, v in query if k != "_elements")  # those are elements of the matches
    return {
        "fullUrl": f"{exchange.base_url}/{stored.reference}",
        "resource": stored_json(subset(stored.raw, stored.resource_type, query)),
        "search": {"mode": mode},
    }
