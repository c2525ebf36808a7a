"""The writes of a transaction Bundle, in the order of the specification. https://hl7.org/fhir/R4/http.html#trules"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid, Issue, MultipleMatches, NotSupported
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
from fhir_server.search.query import Query, normalised_criteria
from fhir_server.storage.stored import Stored

Located = Callable[[Entry, Callable[[], Any]], Any]
"""Runs a step of an entry so that its error names the entry."""

_RESTFUL = re.compile(r"(https?://[^?#]+/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
"""A fullUrl from which relative references start."""


class EntryWrites:
    """Performs the writes of a transaction; after a conflict `perform` runs again and starts afresh."""

    def __init__(self, exchange: Exchange, entries: list[Entry]) -> None:
        self._exchange = exchange
        self._entries = entries
        self._free_ids = {entry.index: new_id() for entry in entries}
        self.resource_types = {e.request.resource_type for e in entries if e.writes}

    def perform(self, store: GuardedStore, located: Located) -> dict[int, FhirResponse]:
        """Deletes, then decides what each entry becomes, then writes; returns the answers by entry index."""
        exchange = self._exchange.with_store(store)
        claims = _Claims()
        answers: dict[int, FhirResponse] = {}
        for entry in self._of("DELETE"):
            answers[entry.index] = located(entry, partial(_delete, exchange, entry, claims))
        known = _Known(claims, {}, {})
        for entry in [*self._of("POST"), *self._of("PUT")]:
            located(entry, partial(self._resolve, exchange, entry, known))
        links = _Links(exchange, known.targets)
        waiting: list[Entry] = []
        for entry in [*self._of("POST"), *self._of("PUT"), *self._of("PATCH")]:
            resource = {} if known.is_answer(entry) else links.rewrite(entry, search=False)
            if resource is None:
                waiting.append(entry)
            else:
                answers[entry.index] = located(entry, partial(self._write, exchange, entry, known, resource))
        # Conditional references come last: they may mean what this transaction creates.
        store.flush()
        for entry in waiting:
            resource = located(entry, partial(links.rewrite, entry, search=True))
            answers[entry.index] = located(entry, partial(self._write, exchange, entry, known, resource))
        return answers

    def _of(self, method: str) -> list[Entry]:
        return [entry for entry in self._entries if entry.writes and entry.request.method == method]

    def _resolve(self, exchange: Exchange, entry: Entry, known: _Known) -> None:
        """Finds out which resource an entry stands for, so that others can refer to it."""
        request = entry.request
        resource = request.resource or {}
        check_type(resource, request.resource_type)
        query = _criteria(exchange, entry)
        match = None
        if query is not None:
            lock_criteria(exchange.store, query)
            match = single_match(exchange.store, query)
            if match is None:
                known.claims.add(entry, normalised_criteria(query))
        if match is not None:
            known.existing[entry.index] = match
            resource_id = match.id
        elif request.method == "PUT" and (request.id or resource.get("id")):
            resource_id = request.id or str(resource["id"])
        else:
            resource_id = self._free_ids[entry.index]
        reference = f"{request.resource_type}/{resource_id}"
        if request.method == "PUT":
            known.claims.add(entry, reference)
        if entry.full_url:
            known.targets[entry.full_url] = reference

    def _write(self, exchange: Exchange, entry: Entry, known: _Known, resource: Resource) -> FhirResponse:
        request = entry.request
        if known.is_answer(entry):
            return written(exchange.with_request(request), known.existing[entry.index], 200)
        exchange = exchange.with_request(replace(request, resource=resource))
        if request.method == "PATCH":
            return written(exchange, _patch(exchange, entry, known.claims), 200)
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


class _Claims:
    """Which entry changes what: no resource may be changed twice, whatever names it."""

    def __init__(self) -> None:
        self._by: dict[str, int] = {}

    def add(self, entry: Entry, claimed: str) -> None:
        """Notes a reference or criteria; raises Invalid when another entry has them."""
        other = self._by.setdefault(claimed, entry.index)
        if other != entry.index:
            text = f"entry {other} already stands for {claimed}"[:500]
            raise Invalid(text, issues=[Issue("error", "duplicate", text, f"Bundle.entry[{entry.index}]")])


@dataclass(frozen=True, slots=True)
class _Known:
    """What the entries turned out to stand for."""

    claims: _Claims
    existing: dict[int, Stored]
    """The match of a conditional create or update, by entry index."""
    targets: dict[str, str]
    """fullUrl → reference."""

    def is_answer(self, entry: Entry) -> bool:
        """True for a conditional create that has nothing to do."""
        return entry.request.method == "POST" and entry.index in self.existing


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
        raise NotSupported(f"conditional interactions on {request.resource_type} are not offered")
    return parse_criteria(exchange, request.resource_type, text)


def _delete(exchange: Exchange, entry: Entry, claims: _Claims) -> FhirResponse:
    request = entry.request
    exchange = exchange.with_request(request)
    if len(request.segments) == 1:
        query = parse_criteria(exchange, request.resource_type, entry.criteria)
        for match in delete_matches(exchange, exchange.store, query):
            claims.add(entry, match.reference)
        return FhirResponse(204)
    stored = exchange.store.delete(request.resource_type, request.id, expected=expected_version(exchange))
    return FhirResponse(204, version=stored.version if stored else None)


def _patch(exchange: Exchange, entry: Entry, claims: _Claims) -> Stored:
    request = entry.request
    change = read_change(exchange)
    if len(request.segments) > 1:
        stored = patch_instance(exchange, exchange.store, request.id, change)
    else:
        query = parse_criteria(exchange, request.resource_type, entry.criteria)
        lock_criteria(exchange.store, query)
        stored = patch_match(exchange, exchange.store, query, change)
    claims.add(entry, stored.reference)
    return stored


class _Links:
    """Replaces fullUrls of the Bundle and conditional references by the references they stand for."""

    def __init__(self, exchange: Exchange, targets: dict[str, str]) -> None:
        self._exchange = exchange
        self._targets = targets
        self._found: dict[str, str] = {}

    def rewrite(self, entry: Entry, *, search: bool) -> Resource | None:
        """Returns the resource of an entry with its links replaced; None when it would have to search."""
        # A relative reference is relative to the fullUrl of its entry: bundle.html#references.
        base = _RESTFUL.fullmatch(entry.full_url)
        root = base[1] if base else ""
        waiting: list[str] = []

        def replacement(literal: str) -> str | None:
            criteria = self._criteria(literal)
            if criteria is None:
                return self._target(literal, root)
            if search and literal not in self._found:
                self._found[literal] = self._search(*criteria)
            elif not search:
                waiting.append(literal)
            return self._found.get(literal)

        find = load_definitions().structure_or_none
        rewritten = rewrite_links(entry.request.resource or {}, replacement, find)
        return None if waiting else rewritten

    def _target(self, link: str, root: str) -> str | None:
        whole, hash_, fragment = link.partition("#")
        target = self._targets.get(whole) or self._targets.get(root + whole)
        return f"{target}{hash_}{fragment}" if target is not None else None

    def _criteria(self, literal: str) -> tuple[str, str] | None:
        """Patient?identifier=1 → type and criteria; None for any other link."""
        resource_type, question, criteria = literal.partition("?")
        return (
            (resource_type, criteria) if question and resource_type in self._exchange.declared.types else None
        )

    def _search(self, resource_type: str, criteria: str) -> str:
        match = single_match(self._exchange.store, parse_criteria(self._exchange, resource_type, criteria))
        if match is None:
            text = f"no {resource_type} matches the conditional reference {criteria[:200]}"
            raise MultipleMatches(text, issues=[Issue("error", "not-found", text)])
        return match.reference
