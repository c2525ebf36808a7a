"""FHIR batch and transaction interactions. https://hl7.org/fhir/R4/http.html#transaction

A transaction is one MongoDB transaction: deletes, then creates, updates and patches, then reads;
`urn:uuid` and conditional references are resolved to what the same transaction creates or finds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from fhir_server.errors import FhirError, Invalid, Issue, MethodNotAllowed, NotSupported, TooLarge
from fhir_server.fhir import Resource
from fhir_server.fhir.bundle import build_bundle, stored_json
from fhir_server.fhir.instant import format_instant, now_ms
from fhir_server.fhir.outcome import build_outcome
from fhir_server.interactions.dispatch import find_interaction, perform
from fhir_server.interactions.entries import Entry, read_entries
from fhir_server.interactions.entry_writes import EntryWrites
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.operation import is_operation
from fhir_server.interactions.received import (
    check_type,
    find_faults,
    parse_body,
    refuse_errors,
    unusable,
)
from fhir_server.policy.guard import GuardedStore
from fhir_server.validation.validate import Level, validate_resource


def process(exchange: Exchange) -> FhirResponse:
    """POST [base]: processes a Bundle of type batch or transaction."""
    bundle = parse_body(exchange)
    check_type(bundle, "Bundle")
    type_ = bundle.get("type")
    if type_ not in ("batch", "transaction"):
        raise Invalid("the base URL takes Bundles of type batch or transaction", "Bundle.type")
    if type_ not in exchange.declared.system_interactions:
        raise MethodNotAllowed(f"{type_} is not offered")
    _check_size(exchange, bundle)
    if type_ == "batch":
        return _batch(exchange, bundle)
    refuse_errors(_find_issues(exchange, bundle))
    return _transaction(exchange, bundle)


def _check_size(exchange: Exchange, bundle: Resource) -> None:
    entries = bundle.get("entry", [])
    most = exchange.limits.max_bundle_entries
    if isinstance(entries, list) and len(entries) > most:
        raise TooLarge(f"a Bundle may have {most} entries; this one has {len(entries)}", "Bundle.entry")


def _find_issues(exchange: Exchange, bundle: Resource) -> list[Issue]:
    """The Bundle itself is always checked, for it is carried out; what it brings, as the settings say."""
    level = exchange.limits.validation
    skip = _brings_anything if level == "off" else _brings_input
    rows = bundle.get("entry")
    if not isinstance(rows, list):
        return validate_resource(bundle)
    issues: list[Issue] = []
    brought = [(index, row["resource"]) for index, row in enumerate(rows) if _brings_anything(row)]
    if level == "off":
        for index, resource in brought:
            issues += unusable(resource, f"Bundle.entry[{index}].resource")
    bundle = {**bundle, "entry": [_without_resource(row) if skip(row) else row for row in rows]}
    depth = Level.STRUCTURE if level == "off" else Level(level)
    return issues + find_faults(exchange, bundle, depth, [resource for _, resource in brought])


def _brings_anything(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("resource"), dict)


def _brings_input(row: Any) -> bool:
    """The input of an operation, which looks at it by itself: $validate wants what is not valid."""
    request = row.get("request") if _brings_anything(row) else None
    url = request.get("url") if isinstance(request, dict) else None
    return isinstance(url, str) and is_operation(tuple(url.partition("?")[0].split("/")))


def _without_resource(row: Resource) -> Resource:
    return {key: value for key, value in row.items() if key != "resource"}


# --- batch ------------------------------------------------------------------------------------------


def _batch(exchange: Exchange, bundle: Resource) -> FhirResponse:
    """Each entry stands alone: its failure is its own."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise Invalid("entry is a list", "Bundle.entry")
    refuse_errors(_find_issues(exchange, {k: v for k, v in bundle.items() if k != "entry"}))
    answers = [_batch_entry(exchange, row, index) for index, row in enumerate(entries)]
    return FhirResponse(200, build_bundle("batch-response", answers, (), None, format_instant(now_ms())))


def _batch_entry(exchange: Exchange, row: Any, index: int) -> Resource:
    try:
        refuse_errors(_find_issues(exchange, {"resourceType": "Bundle", "type": "batch", "entry": [row]}))
        (entry,) = read_entries(exchange, [row])
        return _response_entry(exchange, _perform_entry(exchange, entry))
    except FhirError as error:
        return _failed_entry(error, index)


def _perform_entry(exchange: Exchange, entry: Entry) -> FhirResponse:
    single = exchange.with_request(entry.request)
    interaction = find_interaction(single)
    if interaction.open:
        raise NotSupported("this interaction has no place in a Bundle", "Bundle.entry[0].request.url")
    answer = perform(single, interaction)
    return replace(answer, body=None) if entry.request.method == "HEAD" else answer


def _failed_entry(error: FhirError, index: int) -> Resource:
    issues = [_relocate(issue, index) for issue in error.issues]
    return {"response": {"status": str(error.status), "outcome": build_outcome(issues)}}


def _relocate(issue: Issue, index: int) -> Issue:
    prefix = f"Bundle.entry[{index}]"
    expression = issue.expression
    if expression.startswith("Bundle.entry[0]"):
        expression = prefix + expression.removeprefix("Bundle.entry[0]")
    elif expression.startswith("Bundle.entry["):
        pass
    elif expression and not expression.startswith("http."):
        head, dot, rest = expression.partition(".")
        inside = f"{dot}{rest}" if head[:1].isupper() else f".{expression}"
        expression = f"{prefix}.resource{inside}"
    else:
        expression = f"{prefix}.request"
    return Issue(issue.severity, issue.code, issue.diagnostics, expression)


# --- transaction ------------------------------------------------------------------------------------


def _transaction(exchange: Exchange, bundle: Resource) -> FhirResponse:
    """All entries or none."""
    entries = read_entries(exchange, bundle.get("entry", []))
    for entry in entries:
        _located(entry, partial(find_interaction, exchange.with_request(entry.request)))
    writes = EntryWrites(exchange, entries)

    def run(store: GuardedStore) -> dict[int, FhirResponse]:
        answers = writes.perform(store, _located)
        store.flush()
        inside = exchange.with_store(store)
        for entry in entries:
            if not entry.writes:
                answers[entry.index] = _located(entry, partial(_perform_entry, inside, entry))
        return answers

    answers = exchange.store.transact(writes.resource_types, run)
    rows = [_response_entry(exchange, answers[entry.index]) for entry in entries]
    return FhirResponse(200, build_bundle("transaction-response", rows, (), None, format_instant(now_ms())))


def _located(entry: Entry, step: Callable[[], Any]) -> Any:
    """Runs a step of one entry; its error names the entry."""
    try:
        return step()
    except FhirError as error:
        issues = [_relocate(issue, entry.index) for issue in error.issues]
        located = type(error)(issues[0].diagnostics, issues=issues)
        located.headers.update(error.headers)
        raise located from error


def _response_entry(exchange: Exchange, answer: FhirResponse) -> Resource:
    row: Resource = {}
    response: Resource = {"status": str(answer.status)}
    if answer.location:
        response["location"] = answer.location
        row["fullUrl"] = f"{exchange.base_url}/{answer.location.partition('/_history/')[0]}"
    if answer.version is not None:
        response["etag"] = f'W/"{answer.version}"'
    if answer.last_modified is not None:
        response["lastModified"] = format_instant(answer.last_modified)
    if isinstance(answer.body, bytes):
        row["resource"] = stored_json(answer.body)
    elif answer.body is not None and answer.body.get("resourceType") == "OperationOutcome":
        response["outcome"] = answer.body
    elif answer.body is not None:
        row["resource"] = answer.body
    row["response"] = response
    return row
