"""The writes of a transaction Bundle, in the order of the specification. https://hl7.org/fhir/R4/http.html#trules"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid, MultipleMatches
from fhir_server.fhir import Resource
from fhir_server.fhir.elements import rewrite_links
from fhir_server.fhir.logical_id import new_id
from fhir_server.interactions.conditional import (
    expected_version,
    lock_criteria,
    parse_criteria,
    single_match,
)
from fhir_server.interactions.delete import delete_matches
from fhir_server.interactions.entries import Entry
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.patch import patch_instance, patch_match, read_change
from fhir_server.interactions.received import check_id, check_type
from fhir_server.interactions.update import update_match
from fhir_server.interactions.written import written
from fhir_server.policy.guard import GuardedStore
from fhir_server.search.query import Query
from fhir_server.storage.stored import Stored

Located = Callable[[Entry, Callable[[], Any]], Any]
"""Runs a step of an entry so that its error names the entry."""


class EntryWrites:
    """Performs the writes of a transaction; after a conflict `perform` runs again and starts afresh."""

    def __init__(self, exchange: Exchange, entries: list[Entry]) -> None:
        self._exchange = exchange
        self._entries = entries
        self._free_ids = {entry.index: new_id() for entry in entries}
        self.resource_types = {
            e.request.resource_type for e in entries if e.request.method in ("POST", "PUT", "PATCH", "DELETE")
        }

    def perform(self, store: GuardedStore, located: Located) -> dict[int, FhirResponse]:
        """Deletes, then decides what each entry becomes, then writes; returns the answers by entry index."""
        exchange = self._exchange.with_store(store)
        answers: dict[int, FhirResponse] = {}
        for entry in self._of("DELETE"):
            answers[entry.index] = located(entry, partial(_delete, exchange, entry))
        existing: dict[int, Stored] = {}
        targets: dict[str, str] = {}
        for entry in [*self._of("POST"), *self._of("PUT")]:
            located(entry, partial(self._resolve, exchange, entry, existing, targets))
        links = _Links(exchange, targets)
        for entry in [*self._of("POST"), *self._of("PUT"), *self._of("PATCH")]:
            answers[entry.index] = located(entry, partial(self._write, exchange, entry, existing, links))
        return answers

    def _of(self, method: str) -> list[Entry]:
        return [entry for entry in self._entries if entry.request.method == method]

    def _resolve(
        self, exchange: Exchange, entry: Entry, existing: dict[int, Stored], targets: dict[str, str]
    ) -> None:
        """Finds out which resource an entry stands for, so that others can refer to it."""
        request = entry.request
        check_type(request.resource or {}, request.resource_type)
        query = _criteria(exchange, entry)
        match = None
        if query is not None:
            lock_criteria(exchange.store, query)
            match = single_match(exchange.store, query)
        if match is not None:
            existing[entry.index] = match
            resource_id = match.id
        elif request.method == "PUT" and request.id:
            resource_id = request.id
        elif request.method == "PUT" and (request.resource or {}).get("id"):
            resource_id = str((request.resource or {})["id"])
        else:
            resource_id = self._free_ids[entry.index]
        if entry.full_url:
            targets[entry.full_url] = f"{request.resource_type}/{resource_id}"

    def _write(
        self, exchange: Exchange, entry: Entry, existing: dict[int, Stored], links: _Links
    ) -> FhirResponse:
        exchange = exchange.with_request(entry.request)
        request = entry.request
        if request.method == "PATCH":
            return written(exchange, _patch(exchange, entry), 200)
        match = existing.get(entry.index)
        if request.method == "POST" and match is not None:
            return written(exchange, match, 200)
        resource = links.rewrite(request.resource or {})
        if request.method == "POST":
            return written(exchange, exchange.store.create(resource, self._free_ids[entry.index]), 201)
        stored, created = self._update(exchange, entry, resource)
        return written(exchange, stored, 201 if created else 200)

    def _update(self, exchange: Exchange, entry: Entry, resource: Resource) -> tuple[Stored, bool]:
        request = entry.request
        query = _criteria(exchange, entry)
        if query is not None:
            return update_match(exchange, exchange.store, resource, query, self._free_ids[entry.index])
        check_id(resource, request.id)
        return exchange.store.update(
            resource,
            request.id,
            expected=expected_version(exchange),
            create=exchange.limits.update_create,
        )


def _criteria(exchange: Exchange, entry: Entry) -> Query | None:
    """Returns the criteria of a conditional create or update."""
    request = entry.request
    declared = exchange.declared.types[request.resource_type]
    if request.method == "POST":
        text = request.headers.get("if-none-exist")
        offered = declared.conditional_create
    else:
        text = entry.criteria if len(request.segments) == 1 else None
        offered = declared.conditional_update
    if text is None:
        return None
    if not offered:
        raise Invalid(f"conditional interactions on {request.resource_type} are not offered")
    return parse_criteria(exchange, request.resource_type, text)


def _delete(exchange: Exchange, entry: Entry) -> FhirResponse:
    request = entry.request
    exchange = exchange.with_request(request)
    if len(request.segments) == 1:
        query = parse_criteria(exchange, request.resource_type, entry.criteria)
        delete_matches(exchange, exchange.store, query)
        return FhirResponse(204)
    stored = exchange.store.delete(request.resource_type, request.id, expected=expected_version(exchange))
    return FhirResponse(204, version=stored.version if stored else None)


def _patch(exchange: Exchange, entry: Entry) -> Stored:
    request = entry.request
    change = read_change(exchange)
    if len(request.segments) > 1:
        return patch_instance(exchange, exchange.store, request.id, change)
    query = parse_criteria(exchange, request.resource_type, entry.criteria)
    lock_criteria(exchange.store, query)
    return patch_match(exchange, exchange.store, query, change)


class _Links:
    """Replaces fullUrls of the Bundle and conditional references by the references they stand for."""

    def __init__(self, exchange: Exchange, targets: dict[str, str]) -> None:
        self._exchange = exchange
        self._targets = targets
        self._found: dict[str, str] = {}

    def rewrite(self, resource: Resource) -> Resource:
        return rewrite_links(resource, self._reference, load_definitions().structure_or_none)

    def _replacement(self, link: str) -> str | None:
        base, hash_, fragment = link.partition("#")
        target = self._targets.get(base)
        return f"{target}{hash_}{fragment}" if target is not None else None

    def _reference(self, literal: str) -> str | None:
        resource_type, question, criteria = literal.partition("?")
        if not question or resource_type not in self._exchange.declared.types:
            return self._replacement(literal)
        if literal not in self._found:
            self._found[literal] = self._search(resource_type, criteria)
        return self._found[literal]

    def _search(self, resource_type: str, criteria: str) -> str:
        match = single_match(self._exchange.store, parse_criteria(self._exchange, resource_type, criteria))
        if match is None:
            raise MultipleMatches(f"no {resource_type} matches the conditional reference {criteria[:200]}")
        return match.reference
