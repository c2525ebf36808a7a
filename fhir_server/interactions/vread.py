"""FHIR vread interaction. https://hl7.org/fhir/R4/http.html#vread"""

from __future__ import annotations

import re

from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.read import answer_version

_VERSION = re.compile(r"[1-9][0-9]{0,8}")


def vread(exchange: Exchange) -> FhirResponse:
    """GET [type]/[id]/_history/[vid]: one version, current or past."""
    request = exchange.request
    # A version that cannot exist is asked for as 0, so that hidden and absent answer alike.
    version = int(request.segments[3]) if _VERSION.fullmatch(request.segments[3]) else 0
    return answer_version(exchange, exchange.store.vread(request.resource_type, request.id, version))
