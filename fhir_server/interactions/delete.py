"""FHIR delete interaction, conditional delete of one or many. https://hl7.org/fhir/R4/http.html#delete"""

from __future__ import annotations

from fhir_server.errors import Issue, MultipleMatches, NotSupported, TooCostly
from fhir_server.fhir.outcome import build_outcome
from fhir_server.interactions.conditional import criteria_query, expected_version
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.policy.guard import GuardedStore
from fhir_server.search.query import Query
from fhir_server.storage.stored import Stored

MOST = 1000
"""Resources one conditional delete may end."""


def delete(exchange: Exchange) -> FhirResponse:
    """DELETE [type]/[id]: 204, also when there was nothing to delete."""
    request = exchange.request
    expected = expected_version(exchange)

    def end(store: GuardedStore) -> Stored | None:
        return store.delete(request.resource_type, request.id, expected=expected)

    stored = exchange.store.transact({request.resource_type}, end)
    return FhirResponse(204, version=stored.version if stored else None)


def delete_conditional(exchange: Exchange) -> FhirResponse:
    """DELETE [type]?criteria: all matches, or none of them."""
    request = exchange.request
    query = criteria_query(exchange, request.resource_type, request.query)

    def end(store: GuardedStore) -> tuple[Stored, ...]:
        return delete_matches(exchange, store, query)

    deleted = exchange.store.transact({request.resource_type}, end)
    if exchange.request.preference("return") != "OperationOutcome":
        return FhirResponse(204)
    text = f"{len(deleted)} {request.resource_type} deleted"
    return FhirResponse(200, build_outcome([Issue("information", "informational", text)]))


def delete_matches(exchange: Exchange, store: GuardedStore, query: Query) -> tuple[Stored, ...]:
    """Deletes the matches of criteria inside a transaction and returns them."""
    offered = exchange.declared.types[query.resource_type].conditional_delete
    if offered == "not-supported":
        raise NotSupported(f"conditional delete of {query.resource_type} is not offered")
    matches = store.search(query, MOST + 1).matches
    if offered == "single" and len(matches) > 1:
        raise MultipleMatches(f"the criteria match more than one {query.resource_type}", "http.query")
    if len(matches) > MOST:
        raise TooCostly(f"the criteria match more than {MOST} resources; delete them in parts", "http.query")
    for match in matches:
        store.delete(query.resource_type, match.id)
    return matches
