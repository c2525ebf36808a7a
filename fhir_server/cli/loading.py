"""Sends resources through the interactions, many in one transaction, and keeps count of what was refused.

https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from fhir_server.cli.files import Line, digest_of, read_lines
from fhir_server.errors import FhirError, Issue, Unavailable
from fhir_server.fhir import Resource
from fhir_server.storage.loads import AlreadyLoaded, LoadProgress, Loads, Note

TOGETHER = 100
"""Resources of an NDJSON file in one transaction."""
MOST_FAILURES = 10_000
ATTEMPTS = 5
NAMESPACE = uuid.UUID("5d3c7a52-9b0e-4f0e-8a3e-0b8f6a1c2d4e")
"""Names the resources that come without id: the same line is the same resource however often it is sent."""

_IN_ENTRY = re.compile(r"^Bundle\.entry\[\d+\](\.resource)?")


class Send(Protocol):
    """Posts a batch or transaction Bundle to the FHIR base and returns the response Bundle."""

    def __call__(self, bundle: Resource, note: Note | None = None, /) -> Resource:
        """`note` becomes a part of the transaction."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a line, or an entry of the Bundle on it, was refused."""

    file: str
    line: int
    issue: Issue
    again: bool = True
    """False when a part of the line was done, so that a second try would do it twice."""


@dataclass(slots=True)
class Tally:
    """What was loaded and what was not."""

    resources: int = 0
    files: int = 0
    known_files: int = 0
    failures: list[Failure] = field(default_factory=list)


def load_file(path: Path, send: Send, loads: Loads, tally: Tally, report: Callable[[int], None]) -> None:
    """Loads what is not loaded yet of one file; after each transaction the database knows how far it came."""
    digest = digest_of(path)
    before = loads.progress(digest)
    if before.complete and not before.failed:
        tally.known_files += 1
        return
    retry = frozenset(before.failed)
    failed: set[int] = set()
    done = before.done
    lines = read_lines(path, lambda number: number > before.done or number in retry, report)
    for chunk in _chunks(lines, digest):
        within = send
        if len(chunk) == 1:
            within = partial(_noted, send, loads.note(digest, path.name, chunk[0].number))
        failures = list(_load_chunk(chunk, within, str(path), tally))
        tally.failures += failures
        failed |= {failure.line for failure in failures if failure.again}
        done = max(done, chunk[-1].number)
        waiting = {number for number in retry if number > chunk[-1].number}
        loads.record(digest, path.name, LoadProgress(done, False, tuple(sorted(failed | waiting))))
        if len(failed) > MOST_FAILURES:
            return
    tally.files += 1
    loads.record(digest, path.name, LoadProgress(done, True, tuple(sorted(failed))))


def _noted(send: Send, note: Note, bundle: Resource, /) -> Resource:
    """A transaction notes itself that it was done: it may make new resources, which none may make again."""
    if bundle["type"] != "transaction":
        return send(bundle)
    try:
        return send(bundle, note)
    except AlreadyLoaded:
        return {}


def _chunks(lines: Iterator[Line], digest: str) -> Iterator[list[Line]]:
    """Groups single resources; a Bundle to be executed stands alone; no group has one identity twice."""
    chunk: list[Line] = []
    identities: set[tuple[str, str]] = set()
    for line in lines:
        resource = line.resource
        identity = ("", "")
        if resource is not None and not _is_executable(resource):
            if not isinstance(resource.get("id"), str):
                resource["id"] = str(uuid.uuid5(NAMESPACE, f"{digest}:{line.number}"))
            identity = (resource["resourceType"], resource["id"])
        if chunk and (len(chunk) == TOGETHER or not identity[0] or identity in identities):
            yield chunk
            chunk, identities = [], set()
        chunk.append(line)
        identities.add(identity)
        if not identity[0]:
            yield chunk
            chunk, identities = [], set()
    if chunk:
        yield chunk


def _is_executable(resource: Resource) -> bool:
    """A Bundle that stands for its entries; documents, messages and histories are stored as they are."""
    kinds = ("transaction", "batch", "collection", "searchset")
    return resource["resourceType"] == "Bundle" and resource.get("type") in kinds


def _load_chunk(chunk: list[Line], send: Send, file: str, tally: Tally) -> Iterator[Failure]:
    first = chunk[0]
    if first.error is not None:
        yield from (Failure(file, first.number, issue) for issue in first.error.issues)
    elif first.resource is not None and _is_executable(first.resource):
        yield from _execute(first.resource, first.number, send, file, tally)
    else:
        entries = [_put(line.resource) for line in chunk if line.resource is not None]
        numbers = [line.number for line in chunk]
        yield from _write(entries, numbers, send, file, tally)


def _execute(bundle: Resource, line: int, send: Send, file: str, tally: Tally) -> Iterator[Failure]:
    entries = bundle.get("entry")
    entries = entries if isinstance(entries, list) else []
    if bundle["type"] in ("collection", "searchset"):
        puts = [_entry(entry) for entry in entries if _is_content(entry)]
        yield from _write(puts, [line] * len(puts), send, file, tally)
        return
    try:
        response = _send_patiently(send, bundle)
    except Unavailable:
        raise
    except FhirError as error:
        yield from (Failure(file, line, issue) for issue in error.issues)
        return
    refused = list(_refusals(response))
    tally.resources += len(entries) - len({index for index, _ in refused})
    yield from (Failure(file, line, issue, again=False) for _, issue in refused)


def _write(
    entries: list[dict[str, Any]], numbers: list[int], send: Send, file: str, tally: Tally
) -> Iterator[Failure]:
    """All in one transaction; when that is refused, one by one, so that only the culprits stay out."""
    if not entries:
        return
    try:
        _send_patiently(send, {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        tally.resources += len(entries)
        return
    except Unavailable:
        raise
    except FhirError as error:
        if any(str(entry.get("fullUrl", "")).startswith("urn:") for entry in entries):
            # They may refer to each other by urn:uuid, which only a transaction resolves.
            yield from (Failure(file, numbers[0], issue) for issue in error.issues)
            return
        response = _send_patiently(send, {"resourceType": "Bundle", "type": "batch", "entry": entries})
    refused = list(_refusals(response))
    tally.resources += len(entries) - len({index for index, _ in refused})
    for index, issue in refused:
        # The Bundle is ours: the reader of the report has the resource alone.
        expression = _IN_ENTRY.sub(str(entries[index]["resource"].get("resourceType")), issue.expression)
        yield Failure(file, numbers[index], replace(issue, expression=expression))


def _is_content(entry: Any) -> bool:
    """Not the outcome that a server adds to its searchset."""
    if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict):
        return False
    search = entry.get("search")
    return not (isinstance(search, dict) and search.get("mode") == "outcome")


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    resource = entry["resource"]
    full_url = entry.get("fullUrl")
    if isinstance(resource.get("id"), str):
        put = _put(resource)
    else:
        put = {"resource": resource, "request": {"method": "POST", "url": str(resource.get("resourceType"))}}
    return {"fullUrl": full_url, **put} if isinstance(full_url, str) else put


def _put(resource: Resource) -> dict[str, Any]:
    url = f"{resource.get('resourceType')}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url}}


def _send_patiently(send: Send, bundle: Resource) -> Resource:
    """Tries again when the database asks for patience."""
    for attempt in range(ATTEMPTS):
        try:
            return send(bundle)
        except Unavailable:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(0.2 * 2**attempt)
    raise AssertionError


def _refusals(response: Resource) -> Iterator[tuple[int, Issue]]:
    """The entries of a response Bundle that failed. https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.response"""
    for index, entry in enumerate(response.get("entry", ())):
        answer = entry.get("response", {})
        if str(answer.get("status", "200"))[:1] not in "45":
            continue
        issues = answer.get("outcome", {}).get("issue") or [{"diagnostics": str(answer["status"])}]
        for issue in issues:
            expression = next(iter(issue.get("expression", ())), f"Bundle.entry[{index}]")
            yield (
                index,
                Issue("error", issue.get("code", "processing"), issue.get("diagnostics", ""), expression),
            )
