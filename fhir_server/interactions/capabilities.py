"""FHIR capabilities interaction: `/metadata` from capability_statement.json. https://hl7.org/fhir/R4/http.html#capabilities"""

from __future__ import annotations

from fhir_server.errors import Invalid
from fhir_server.interactions.messages import Exchange, FhirResponse

_MODES = {"full", "normative"}


def capabilities(exchange: Exchange) -> FhirResponse:
    """GET metadata: the CapabilityStatement of this instance."""
    mode = dict(exchange.request.query).get("mode", "full")
    if mode not in _MODES:
        raise Invalid("mode takes full or normative", "http.mode")
    return FhirResponse(200, exchange.declared.statement, cacheable=True)
