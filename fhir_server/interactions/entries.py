"""Bundle entries as requests. https://hl7.org/fhir/R4/bundle.html#transaction"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from fhir_server.errors import Invalid, Issue
from fhir_server.fhir import Resource
from fhir_server.interactions.conditional import decode_parameters, refuse_criteria
from fhir_server.interactions.messages import Exchange, FhirRequest
from fhir_server.interactions.operation import is_operation

_HEADERS = {
    "ifNoneMatch": "if-none-match",
    "ifModifiedSince": "if-modified-since",
    "ifMatch": "if-match",
    "ifNoneExist": "if-none-exist",
}
_WITH_RESOURCE = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a batch or transaction."""

    index: int
    full_url: str
    request: FhirRequest
    criteria: str
    """The query of a conditional update, patch or delete."""

    @property
    def is_operation(self) -> bool:
        return is_operation(self.request.segments)

    @property
    def writes(self) -> bool:
        """A create, update, patch or delete."""
        return self.request.method not in ("GET", "HEAD") and not self.is_operation


def read_entries(exchange: Exchange, rows: Sequence[Resource]) -> list[Entry]:
    """Returns the entries as requests; raises Invalid with an issue for each entry that is none."""
    entries: list[Entry] = []
    issues: list[Issue] = []
    for index, row in enumerate(rows):
        try:
            entries.append(_read_entry(exchange, row, index))
        except Invalid as error:
            issues += error.issues
    issues += _repeated(entries)
    if issues:
        raise Invalid(issues[0].diagnostics, issues=issues)
    return entries


def _read_entry(exchange: Exchange, row: Resource, index: int) -> Entry:
    path = f"Bundle.entry[{index}]"
    request = row.get("request", {})
    # An extension may stand in place of a required value: valid, and nothing to act on.
    if "method" not in request or "url" not in request:
        raise Invalid("an entry of a batch or transaction needs a request", f"{path}.request")
    method = request["method"]
    resource = row.get("resource")
    segments, query = _split_url(exchange, request["url"], path)
    if method in _WITH_RESOURCE and resource is None and not is_operation(segments):
        raise Invalid(f"{method} needs a resource", f"{path}.resource")
    if method == "POST" and segments and segments[-1] == "_search":
        raise Invalid("a search in a Bundle is a GET", f"{path}.request.url")
    headers = {name: request[key] for key, name in _HEADERS.items() if key in request}
    prefer = exchange.request.headers.get("prefer")
    if prefer is not None:
        headers["prefer"] = prefer
    elif method in _WITH_RESOURCE:
        headers["prefer"] = "return=minimal"
    parameters = decode_parameters(query, f"{path}.request.url")
    if method == "POST" and not is_operation(segments):
        refuse_criteria(parameters, f"{path}.request.url")
    fhir_request = FhirRequest(method, segments, tuple(parameters), headers, resource=resource)
    return Entry(index, row.get("fullUrl", ""), fhir_request, query)


def _split_url(exchange: Exchange, url: str, path: str) -> tuple[tuple[str, ...], str]:
    relative = url.removeprefix(f"{exchange.base_url}/")
    target, _, query = relative.partition("?")
    segments = tuple(unquote(part) for part in target.strip("/").split("/"))
    if "://" in target or not segments[0]:
        raise Invalid("the URL of an entry is relative to the base of this server", f"{path}.request.url")
    return segments, query


def _repeated(entries: list[Entry]) -> list[Issue]:
    """No resource may be changed twice, no fullUrl stand for two resources."""
    issues = []
    seen: dict[Any, int] = {}
    for entry in entries:
        keys: list[Any] = []
        if entry.request.method in ("PUT", "PATCH", "DELETE") and len(entry.request.segments) == 2:
            keys.append(("identity", *entry.request.segments))
        if entry.full_url and entry.request.method in ("POST", "PUT") and entry.writes:
            keys.append(("fullUrl", entry.full_url))
        for key in keys:
            if seen.setdefault(key, entry.index) != entry.index:
                text = f"entry {seen[key]} has the same {'/'.join(key[1:])} already"
                issues.append(Issue("error", "duplicate", text[:500], f"Bundle.entry[{entry.index}]"))
    return issues
