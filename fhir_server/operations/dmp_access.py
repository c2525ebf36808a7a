"""$dmp-access: whether there is a record, in which state, and how the caller stands before it.

profiles/OperationDefinition-dmp-access.json, docs/operations/dmp_access.md; TD0.2 of the DMP.
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_server.fhir import Resource
from fhir_server.fhir.instant import format_instant
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.operation import CODE
from fhir_server.operations.parameters import read_parameters
from fhir_server.policy.record_access import Standing
from fhir_server.policy.record_policy import EMERGENCY_SWITCHES, FOREVER

VALID, EXPIRED, FORBIDDEN, NONE = "valid", "expired", "forbidden", "none"


def dmp_access(exchange: Exchange) -> FhirResponse:
    """GET or POST Patient/[id]/$dmp-access: 200 with Parameters."""
    read_parameters(exchange, {})
    exchange.store.read("Patient", exchange.request.id, CODE)
    standing = exchange.store.standing(exchange.request.id)
    return FhirResponse(200, {"resourceType": "Parameters", "parameter": list(_rows(standing))})


def _rows(standing: Standing) -> Iterator[Resource]:
    policy = standing.policy
    yield {"name": "state", "valueCode": policy.state}
    yield {"name": "authorisation", "valueCode": _authorisation(standing)}
    yield {"name": "rule", "valueCode": standing.rule}
    until = max((until for _, until in standing.spans), default=FOREVER)
    if until < FOREVER:
        yield {"name": "until", "valueDateTime": format_instant(until)}
    for switch in EMERGENCY_SWITCHES:
        if switch in policy.emergency:
            yield {"name": "emergency", "valueCode": switch}


def _authorisation(standing: Standing) -> str:
    if standing.is_let_in:
        return VALID
    if standing.rule in ("blocked", "emergency-opposed", "never-allowed"):
        return FORBIDDEN
    is_past = standing.spans and max(until for _, until in standing.spans) <= standing.now
    return EXPIRED if standing.rule == "no-permit" and is_past else NONE
