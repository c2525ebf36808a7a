"""FHIR create interaction, conditional create. https://hl7.org/fhir/R4/http.html#create"""

from __future__ import annotations

from fhir_server.errors import NotSupported
from fhir_server.fhir import Resource
from fhir_server.fhir.logical_id import new_id
from fhir_server.interactions.conditional import lock_criteria, parse_criteria, refuse_criteria, single_match
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.received import received_resource
from fhir_server.interactions.written import written
from fhir_server.policy.guard import GuardedStore
from fhir_server.storage.stored import Stored


def create(exchange: Exchange) -> FhirResponse:
    """POST [type]: 201 with a new resource, or 200 with the one that If-None-Exist names."""
    refuse_criteria(exchange.request.query, "http.query")
    resource = received_resource(exchange)
    criteria = exchange.request.headers.get("if-none-exist")
    if criteria is None:
        return written(exchange, exchange.store.create(resource, new_id()), 201)
    stored, created = create_if_none_exists(exchange, resource, criteria)
    return written(exchange, stored, 201 if created else 200)


def create_if_none_exists(exchange: Exchange, resource: Resource, criteria: str) -> tuple[Stored, bool]:
    """Creates unless a resource matches; of two at once, the database lets one create."""
    resource_type = exchange.request.resource_type
    if not exchange.declared.types[resource_type].conditional_create:
        raise NotSupported(f"conditional create of {resource_type} is not offered", "http.If-None-Exist")
    query = parse_criteria(exchange, resource_type, criteria)
    existing = single_match(exchange.store, query)
    if existing is not None:
        return existing, False
    resource_id = new_id()

    def look_again_and_create(store: GuardedStore) -> tuple[Stored, bool]:
        lock_criteria(store, query)
        match = single_match(store, query)
        return (match, False) if match is not None else (store.create(resource, resource_id), True)

    return exchange.store.transact({resource_type}, look_again_and_create)
