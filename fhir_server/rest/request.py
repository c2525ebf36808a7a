"""Flask request → FhirRequest, and the form of its answer. https://hl7.org/fhir/R4/http.html"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from fhir_server.errors import FhirError, Invalid, TooLarge, UnsupportedMedia
from fhir_server.interactions.messages import Document, FhirRequest
from fhir_server.rest.binary import build_binary, is_binary_read, is_binary_write
from fhir_server.rest.media import (
    FHIR_JSON,
    FHIR_XML,
    FORM,
    check_coding,
    check_sent,
    choose_format,
    is_content_wanted,
    sent_format,
)
from fhir_server.rest.xml.position import locate_xml
from fhir_server.rest.xml.read import read_xml

_MOST_PARAMETERS = 1000
_EDGE = frozenset({"_format", "_pretty"})
# As WSGI has them: a look-up by header name costs ten times as much.
_HEADERS = {
    "content-type": "CONTENT_TYPE",
    "if-match": "HTTP_IF_MATCH",
    "if-modified-since": "HTTP_IF_MODIFIED_SINCE",
    "if-none-exist": "HTTP_IF_NONE_EXIST",
    "if-none-match": "HTTP_IF_NONE_MATCH",
    "prefer": "HTTP_PREFER",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """In which form the client takes the answer."""

    format: str = FHIR_JSON
    """FHIR_JSON or FHIR_XML; "" when only the content of a Binary is acceptable."""
    is_pretty: bool = False
    content: str | None = None
    """The Accept header of who reads the content of a Binary."""
    is_read: bool = True
    """Nothing else happened: an answer that the format cannot carry may be refused."""


def read_request(request: Request, path: str) -> tuple[FhirRequest, Wanted]:
    """Returns the request as the interactions see it, and the form of the answer."""
    parameters = _parameters(request)
    environ = request.environ
    segments = tuple(path.strip("/").split("/")) if path.strip("/") else ()
    query = tuple((k, v) for k, v in parameters if k not in _EDGE)
    wanted = _wanted(
        request, dict(parameters), may_be_content=is_binary_read(request.method, segments) and not query
    )
    headers = {name: environ[key] for name, key in _HEADERS.items() if key in environ}
    body = _body(request, segments)
    fhir_request = FhirRequest(
        method=request.method,
        segments=segments,
        query=query,
        headers=headers,
        body=body,
        document=_document(request, body, segments) if body else None,
    )
    return fhir_request, wanted


def wanted_of_refused(request: Request) -> Wanted:
    """Returns the form of the outcome for a request that perhaps cannot be read."""
    accept = request.environ.get("HTTP_ACCEPT", "")
    sent = sent_format(request.environ.get("CONTENT_TYPE", ""))
    try:
        names = dict(_decode(request.query_string, "query"))
    except FhirError:
        names = {}
    for format_ in (names.get("_format"), None):
        try:
            chosen = choose_format(format_, accept, sent)
        except FhirError:
            continue
        return Wanted(chosen, names.get("_pretty") == "true", is_read=False)
    return Wanted(is_read=False)


def _wanted(request: Request, names: dict[str, str], *, may_be_content: bool) -> Wanted:
    format_, accept = names.get("_format"), request.environ.get("HTTP_ACCEPT", "")
    content = accept if may_be_content and is_content_wanted(format_, accept) else None
    try:
        chosen = choose_format(format_, accept, sent_format(request.environ.get("CONTENT_TYPE", "")))
    except FhirError:
        if content is None:
            raise
        chosen = ""
    return Wanted(chosen, names.get("_pretty") == "true", content, request.method in ("GET", "HEAD"))


def _parameters(request: Request) -> list[tuple[str, str]]:
    """Query parameters, then those of a form: POST _search takes both."""
    parameters = _decode(request.query_string, "query")
    if _is_form(request):
        parameters += _decode(_raw(request), "form")
    return parameters


def _decode(text: bytes, name: str) -> list[tuple[str, str]]:
    if not text:
        return []
    try:
        return parse_qsl(
            text.decode("ascii", "strict") if name == "query" else text.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=_MOST_PARAMETERS,
            errors="strict",
        )
    except ValueError as error:  # not UTF-8, or too many
        raise Invalid(
            f"the {name} cannot be read as parameters in UTF-8, at most {_MOST_PARAMETERS}"
        ) from error


def _body(request: Request, segments: tuple[str, ...]) -> bytes:
    if request.method not in ("POST", "PUT", "PATCH") or _is_form(request):
        return b""
    body = _raw(request)
    if body and request.path.endswith("/_search"):
        raise UnsupportedMedia(f"the parameters of a search are sent as {FORM}", "http.Content-Type")
    content_type = request.headers.get("Content-Type", "")
    if body and not is_binary_write(request.method, segments, content_type):
        check_sent(content_type, is_patch=request.method == "PATCH")
    return body


def _document(request: Request, body: bytes, segments: tuple[str, ...]) -> Document | None:
    """A body that is not JSON, to be read when the caller is known."""
    content_type = request.headers.get("Content-Type", "")
    if is_binary_write(request.method, segments, content_type):
        context = request.headers.get("X-Security-Context", "")
        binary_id = segments[1] if len(segments) > 1 else ""
        return Document(partial(build_binary, body, content_type, context, binary_id))
    if sent_format(content_type) != FHIR_XML or not body.strip():
        return None
    return Document(partial(read_xml, body), partial(locate_xml, body))


def _is_form(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith("/_search") and request.mimetype in (FORM, "")


def _raw(request: Request) -> bytes:
    check_coding(request.headers.get("Content-Encoding", ""))
    try:
        return request.get_data(cache=True)
    except RequestEntityTooLarge as error:
        raise TooLarge(f"a request body may have {request.max_content_length} bytes") from error
    except ClientDisconnected as error:
        raise Invalid("the request body ended early") from error
