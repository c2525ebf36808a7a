"""FhirResponse or FhirError → HTTP response. https://hl7.org/fhir/R4/http.html#return"""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

from flask import Response
from werkzeug.datastructures import Headers

from fhir_server.errors import FhirError
from fhir_server.fhir.json import encode_json, parse_json
from fhir_server.fhir.outcome import build_outcome
from fhir_server.interactions.messages import FhirResponse
from fhir_server.rest.media import FHIR_JSON

CONTENT_TYPE = f"{FHIR_JSON}; charset=utf-8"
# Health data is never kept by what lies between us and the client.
_PRIVATE = ("Cache-Control", "no-store")
_PUBLIC = ("Cache-Control", "public, max-age=300")
_ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Vary", "Accept, Prefer"))


class _Complete(Response):
    """A response whose headers need no completion."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        return self.headers


def render(answer: FhirResponse, base_url: str, *, pretty: bool) -> Response:
    """Returns the HTTP response of an interaction."""
    body = _encode(answer.body, pretty=pretty)
    headers = [_PUBLIC if answer.cacheable else _PRIVATE, *_ALWAYS]
    if answer.version is not None:
        headers.append(("ETag", f'W/"{answer.version}"'))
    if answer.last_modified is not None:
        headers.append(("Last-Modified", formatdate(answer.last_modified // 1000, usegmt=True)))
    if answer.location:
        headers.append(("Location", f"{base_url}/{answer.location}"))
    if answer.body is None:
        response = Response(b"", answer.status, headers)
        del response.headers["Content-Type"]
        return response
    headers += [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body)))]
    return _Complete(body, answer.status, headers)


def _encode(body: object, *, pretty: bool) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return encode_json(parse_json(body), pretty=True) if pretty else body
    encoded = encode_json(body)
    return encode_json(parse_json(encoded), pretty=True) if pretty else encoded


def render_error(error: FhirError) -> Response:
    """Returns the OperationOutcome of an error."""
    headers = [_PRIVATE, *_ALWAYS, *error.headers.items()]
    return Response(
        encode_json(build_outcome(error.issues)), error.status, headers, content_type=CONTENT_TYPE
    )
