"""FHIR vread interaction. https://hl7.org/fhir/R4/http.html#vread"""

from __future__ import annotations

from fhir_server.errors import NotFound
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.read import answer_version


def vread(exchange: Exchange) -> FhirResponse:
    """GET [type]/[id]/_history/[vid]: one version, current or past."""
    request = exchange.request
    version = request.segments[3]
    if not (version.isascii() and version.isdecimal() and len(version) < 10):
        # The version cannot exist; ask as if it could, so that hidden and absent answer alike.
        exchange.store.read(request.resource_type, request.id, "vread")
        raise NotFound(f"{request.resource_type}/{request.id} has no version {version[:64]}")
    return answer_version(exchange, exchange.store.vread(request.resource_type, request.id, int(version)))
