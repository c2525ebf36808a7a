"""Flask request → FhirRequest. https://hl7.org/fhir/R4/http.html"""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from fhir_server.errors import Invalid, TooLarge, UnsupportedMedia
from fhir_server.interactions.messages import FhirRequest
from fhir_server.rest.media import FORM, check_accepted, check_coding, check_sent

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


def read_request(request: Request, path: str) -> tuple[FhirRequest, bool]:
    """Returns the request as the interactions see it, and whether the answer is to be indented."""
    parameters = _parameters(request)
    names = dict(parameters)
    environ = request.environ
    check_accepted(names.get("_format"), environ.get("HTTP_ACCEPT", ""))
    headers = {name: environ[key] for name, key in _HEADERS.items() if key in environ}
    fhir_request = FhirRequest(
        method=request.method,
        segments=tuple(path.strip("/").split("/")) if path.strip("/") else (),
        query=tuple((k, v) for k, v in parameters if k not in _EDGE),
        headers=headers,
        body=_body(request),
    )
    return fhir_request, names.get("_pretty") == "true"


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


def _body(request: Request) -> bytes:
    if request.method not in ("POST", "PUT", "PATCH") or _is_form(request):
        return b""
    body = _raw(request)
    if body and request.path.endswith("/_search"):
        raise UnsupportedMedia(f"the parameters of a search are sent as {FORM}", "http.Content-Type")
    if body:
        check_sent(request.headers.get("Content-Type", ""), is_patch=request.method == "PATCH")
    return body


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
