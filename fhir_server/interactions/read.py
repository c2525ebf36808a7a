"""FHIR read interaction. https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from fhir_server.interactions.conditional import etags
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.subset import subset
from fhir_server.storage.stored import Stored


def read(exchange: Exchange) -> FhirResponse:
    """GET [type]/[id]: the current version, or 304 when the client has it."""
    request = exchange.request
    stored = exchange.store.read(request.resource_type, request.id)
    return answer_version(exchange, stored)


def answer_version(exchange: Exchange, stored: Stored) -> FhirResponse:
    """Answers with one version of a resource."""
    unchanged = _is_unchanged(exchange, stored)
    return FhirResponse(
        status=304 if unchanged else 200,
        body=None if unchanged else subset(stored.raw, stored.resource_type, exchange.request.query),
        version=stored.version,
        last_modified=stored.last_updated,
    )


def _is_unchanged(exchange: Exchange, stored: Stored) -> bool:
    headers = exchange.request.headers
    if "if-none-match" in headers:  # RFC 9110 §13.2.2: it decides alone
        header = headers["if-none-match"]
        return header.strip() == "*" or str(stored.version) in etags(header)
    since = headers.get("if-modified-since")
    if since is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except (ValueError, OverflowError):
        return False  # RFC 9110 §13.1.3: a date that is none is ignored
    return stored.last_updated // 1000 <= moment.timestamp()
