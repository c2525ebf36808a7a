"""FhirResponse or FhirError → HTTP response. https://hl7.org/fhir/R4/http.html#return"""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from typing import Any

from flask import Response
from werkzeug.datastructures import Headers

from fhir_server.errors import FhirError, NotAcceptable
from fhir_server.fhir.json import encode_json, parse_json
from fhir_server.fhir.outcome import build_outcome
from fhir_server.interactions.messages import FhirResponse
from fhir_server.rest.binary import read_content
from fhir_server.rest.media import FHIR_JSON, FHIR_XML
from fhir_server.rest.request import Wanted
from fhir_server.rest.xml.indent import indent_xml
from fhir_server.rest.xml.write import Unwritable, write_xml

# Health data is never kept by what lies between us and the client.
_PRIVATE = ("Cache-Control", "no-store")
_PUBLIC = ("Cache-Control", "public, max-age=300")
_ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Vary", "Accept, Prefer"))

Part = tuple[bytes, list[tuple[str, str]]]
"""A body, and the headers that say what it is."""


class _Complete(Response):
    """A response whose headers need no completion."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        return self.headers


def render(answer: FhirResponse, base_url: str, wanted: Wanted) -> Response:
    """Returns the HTTP response of an interaction."""
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
    body, described = _encode(answer.body, wanted, is_shared=answer.cacheable)
    headers += [*described, ("Content-Length", str(len(body)))]
    return _Complete(body, answer.status, headers)


def _encode(body: Any, wanted: Wanted, *, is_shared: bool = False) -> Part:
    content = (
        read_content(body, wanted.content) if wanted.content is not None and type(body) is bytes else None
    )
    if content is not None:
        return content
    if not wanted.format:
        raise NotAcceptable("the content of this Binary is of another type", "Binary.contentType")
    if wanted.format == FHIR_XML:
        try:
            # Parsed as text, for parts of a Bundle are text already.
            text = body if isinstance(body, bytes) else encode_json(body)
            encode = _shared_xml if is_shared else _xml
            return encode(text, wanted.is_pretty), _describe(FHIR_XML)
        except Unwritable as error:
            if wanted.is_read:
                raise NotAcceptable(f"XML cannot carry this: {error}; JSON can", "http._format") from error
            # What was done is done: the client learns it in the format that can say it. RFC 9110 §12.5.1
    return _encode_json(body, is_pretty=wanted.is_pretty)


def _xml(raw: bytes, is_pretty: bool) -> bytes:
    text = write_xml(raw)
    return indent_xml(text) if is_pretty else text


@lru_cache(maxsize=4)
def _shared_xml(raw: bytes, is_pretty: bool) -> bytes:
    """The capabilities are large, the same for all, and asked for without a token: written once."""
    return _xml(raw, is_pretty)


def _encode_json(body: Any, *, is_pretty: bool) -> Part:
    text = body if isinstance(body, bytes) else encode_json(body)
    return encode_json(parse_json(text), pretty=True) if is_pretty else text, _describe(FHIR_JSON)


def _describe(format_: str) -> list[tuple[str, str]]:
    return [("Content-Type", f"{format_}; charset=utf-8")]


def render_error(error: FhirError, wanted: Wanted) -> Response:
    """Returns the OperationOutcome of an error."""
    headers = [_PRIVATE, *_ALWAYS, *error.headers.items()]
    body, described = _encode(build_outcome(error.issues), wanted)
    return Response(body, error.status, [*headers, *described])
