"""FHIR patch interaction: JSON Patch and FHIRPath Patch, conditional patch. https://hl7.org/fhir/R4/http.html#patch"""

from __future__ import annotations

from collections.abc import Callable

from fhir_server.errors import Gone, Invalid, NotFound, NotSupported, UnsupportedMedia
from fhir_server.fhir import Resource
from fhir_server.fhir.json import parse_json
from fhir_server.fhir.json_patch import apply_json_patch
from fhir_server.fhirpath.patch import apply_fhirpath_patch
from fhir_server.interactions.conditional import (
    criteria_query,
    expected_version,
    lock_criteria,
    single_match,
)
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.received import check_type, find_issues, parse_body, refuse_errors
from fhir_server.interactions.written import written
from fhir_server.policy.guard import GuardedStore
from fhir_server.search.query import Query
from fhir_server.storage.stored import Stored
from fhir_server.validation.validate import Level, validate_resource

Change = Callable[[Resource], Resource]
"""From the current version to the next; both are whole resources."""

JSON_PATCH = "application/json-patch+json"
FHIR_FORMATS = frozenset({"application/fhir+json", "application/json", "application/fhir+xml"})


def patch(exchange: Exchange) -> FhirResponse:
    """PATCH [type]/[id]: 200 with the next version."""
    change = read_change(exchange)
    request = exchange.request

    def apply(store: GuardedStore) -> Stored:
        return patch_instance(exchange, store, request.id, change)

    return written(exchange, exchange.store.transact({request.resource_type}, apply), 200)


def patch_conditional(exchange: Exchange) -> FhirResponse:
    """PATCH [type]?criteria: the one match."""
    request = exchange.request
    if not exchange.declared.types[request.resource_type].conditional_update:
        raise NotSupported(f"conditional patch of {request.resource_type} is not offered")
    change = read_change(exchange)
    query = criteria_query(exchange, request.resource_type, request.query)

    def apply(store: GuardedStore) -> Stored:
        lock_criteria(store, query)
        return patch_match(exchange, store, query, change)

    return written(exchange, exchange.store.transact({request.resource_type}, apply), 200)


def patch_match(exchange: Exchange, store: GuardedStore, query: Query, change: Change) -> Stored:
    """Patches the one match of the criteria inside a transaction."""
    match = single_match(store, query)
    if match is None:
        raise NotFound(f"no {query.resource_type} matches the criteria")
    return patch_instance(exchange, store, match.id, change)


def patch_instance(exchange: Exchange, store: GuardedStore, resource_id: str, change: Change) -> Stored:
    """Changes one resource inside a transaction; the result is as valid as any update."""
    resource_type = exchange.request.resource_type
    current = store.read_for_update(resource_type, resource_id)
    if current.deleted:
        raise Gone(f"{current.reference} was deleted")
    before = parse_json(current.raw)
    after = change(before)
    check_type(after, resource_type)
    if after.get("id") != resource_id:
        raise Invalid("a patch cannot change the id", f"{resource_type}.id")
    refuse_errors(find_issues(exchange, after))
    return store.update(after, resource_id, expected=expected_version(exchange), method="PATCH")[0]


def read_change(exchange: Exchange) -> Change:
    """Reads the patch document: JSON Patch, FHIRPath Patch, or a Binary that holds a JSON Patch."""
    request = exchange.request
    if request.resource is not None:
        return _change_of_entry(request.resource)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == JSON_PATCH:
        return _json_patch(parse_json(request.body, max_depth=exchange.limits.max_depth))
    if request.document is not None or media_type in FHIR_FORMATS:
        return _fhirpath_patch(parse_body(exchange))
    raise UnsupportedMedia(f"a patch is {JSON_PATCH}, or FHIRPath Patch Parameters in a format of FHIR")


def _change_of_entry(resource: Resource) -> Change:
    """In a Bundle a JSON Patch comes as a Binary. https://hl7.org/fhir/R4/http.html#patch"""
    if resource.get("resourceType") != "Binary":
        return _fhirpath_patch(resource)
    import base64

    if resource.get("contentType") != JSON_PATCH:
        raise Invalid(f"the Binary of a patch has contentType {JSON_PATCH}", "Binary.contentType")
    try:
        content = base64.b64decode(resource.get("data", ""), validate=True)
    except ValueError as error:
        raise Invalid("the data of the Binary is not base64", "Binary.data") from error
    return _json_patch(parse_json(content))


def _json_patch(document: object) -> Change:
    def change(resource: Resource) -> Resource:
        return apply_json_patch(resource, document)

    return change


def _fhirpath_patch(parameters: Resource) -> Change:
    check_type(parameters, "Parameters")
    refuse_errors(validate_resource(parameters, level=Level.STRUCTURE))

    def change(resource: Resource) -> Resource:
        return apply_fhirpath_patch(resource, parameters)

    return change
