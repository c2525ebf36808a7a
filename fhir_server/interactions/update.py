"""FHIR update interaction, conditional update, create by update. https://hl7.org/fhir/R4/http.html#update"""

from __future__ import annotations

from fhir_server.errors import Conflict, Invalid, NotSupported
from fhir_server.fhir import Resource
from fhir_server.fhir.logical_id import new_id
from fhir_server.interactions.conditional import (
    criteria_query,
    expected_version,
    lock_criteria,
    single_match,
)
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.received import check_id, received_resource
from fhir_server.interactions.written import written
from fhir_server.policy.guard import GuardedStore
from fhir_server.search.query import Query
from fhir_server.storage.stored import Stored


def update(exchange: Exchange) -> FhirResponse:
    """PUT [type]/[id]: 200 with the next version, or 201 where the id was free and the server allows it."""
    request = exchange.request
    resource = received_resource(exchange)
    check_id(resource, request.id)
    expected = expected_version(exchange)

    def replace(store: GuardedStore) -> tuple[Stored, bool]:
        return store.update(resource, request.id, expected=expected, create=exchange.limits.update_create)

    stored, created = exchange.store.transact({request.resource_type}, replace)
    return written(exchange, stored, 201 if created else 200)


def update_conditional(exchange: Exchange) -> FhirResponse:
    """PUT [type]?criteria: updates the one match, or creates when there is none."""
    request = exchange.request
    if not exchange.declared.types[request.resource_type].conditional_update:
        raise NotSupported(f"conditional update of {request.resource_type} is not offered")
    resource = received_resource(exchange)
    query = criteria_query(exchange, request.resource_type, request.query)
    free_id = new_id()

    def replace(store: GuardedStore) -> tuple[Stored, bool]:
        lock_criteria(store, query)
        return update_match(exchange, store, resource, query, free_id)

    stored, created = exchange.store.transact({request.resource_type}, replace)
    return written(exchange, stored, 201 if created else 200)


def update_match(
    exchange: Exchange, store: GuardedStore, resource: Resource, query: Query, free_id: str
) -> tuple[Stored, bool]:
    """Updates the one match of the criteria inside a transaction; the id of the body may only confirm it."""
    match = single_match(store, query)
    said = resource.get("id")
    expected = expected_version(exchange)
    if match is not None:
        if said is not None and said != match.id:
            raise Invalid("the id of the resource is not that of the match", f"{query.resource_type}.id")
        return store.update(resource, match.id, expected=expected)
    if said is None:
        return store.create(resource, free_id), True
    if store.is_known(query.resource_type, said):
        # R4 is silent, R5 says 409: what does not match the criteria must not be overwritten.
        raise Conflict(
            f"{query.resource_type}/{said} does not match the criteria", f"{query.resource_type}.id"
        )
    return store.update(resource, said, expected=expected, create=exchange.limits.update_create)
