"""The answer to a write, as the client prefers it. https://hl7.org/fhir/R4/http.html#ops"""

from __future__ import annotations

from fhir_server.errors import Issue
from fhir_server.fhir import Resource
from fhir_server.fhir.json import parse_json
from fhir_server.fhir.outcome import build_outcome
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.received import find_issues
from fhir_server.storage.stored import Stored


def written(exchange: Exchange, stored: Stored, status: int) -> FhirResponse:
    """Answers a create, update or patch: 201 or 200 with version, location and the preferred body."""
    return FhirResponse(
        status=status,
        body=_preferred(exchange, stored, status),
        version=stored.version,
        last_modified=stored.last_updated,
        location=f"{stored.reference}/_history/{stored.version}",
    )


def _preferred(exchange: Exchange, stored: Stored, status: int) -> Resource | bytes | None:
    preference = exchange.request.preference("return")
    if preference == "minimal":
        return None
    if preference == "OperationOutcome":
        word = "created" if status == 201 else "stored"
        text = f"{stored.reference} {word} as version {stored.version}"
        done = Issue("information", "informational", text)
        # Found again only when someone asks: most clients never do. Who may not read learns nothing of it.
        found = find_issues(exchange, parse_json(stored.raw)) if stored.raw else []
        return build_outcome([done, *found])
    return stored.raw or None
