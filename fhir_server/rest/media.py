"""Content negotiation: which format the client sent and which it wants. https://hl7.org/fhir/R4/http.html#mime-type"""

from __future__ import annotations

from fhir_server.errors import NotAcceptable, UnsupportedMedia

FHIR_JSON = "application/fhir+json"
_JSON = frozenset({FHIR_JSON, "application/json", "text/json", "json", "application/json+fhir"})
_ANY = frozenset({"*/*", "application/*", ""})
_BODY = frozenset({FHIR_JSON, "application/json", "application/json+fhir"})
_PATCH = _BODY | {"application/json-patch+json"}
_VERSIONS = frozenset({"4.0", "4.0.1"})
FORM = "application/x-www-form-urlencoded"


def check_accepted(format_: str | None, accept: str) -> None:
    """Raises NotAcceptable when the client takes none of our formats; `_format` wins over Accept."""
    if format_ is not None:
        wanted = [format_.replace(" ", "+")]  # "+" not encoded in a URL arrives as a space
    else:
        wanted = accept.split(",")
    for one in wanted:
        name, _, parameters = one.partition(";")
        offered = _JSON if format_ is not None else _JSON | _ANY
        if name.strip().lower() in offered and _is_r4(parameters) and not _is_refused(parameters):
            return
    raise NotAcceptable(f"this server answers in {FHIR_JSON} of FHIR version 4.0", "http._format")


def check_sent(content_type: str, *, is_patch: bool) -> None:
    """Raises UnsupportedMedia when the body is in no format of this server."""
    name, _, parameters = content_type.partition(";")
    media_type = name.strip().lower()
    if media_type not in (_PATCH if is_patch else _BODY):
        raise UnsupportedMedia(
            f"a body is {FHIR_JSON}, not {media_type[:100] or 'unnamed'}", "http.Content-Type"
        )
    if not _is_r4(parameters):
        raise UnsupportedMedia("this server speaks FHIR version 4.0", "http.Content-Type")
    charset = _parameter(parameters, "charset")
    if charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMedia("FHIR JSON is encoded in UTF-8", "http.Content-Type")


def check_coding(content_encoding: str) -> None:
    """Raises UnsupportedMedia for a compressed body. RFC 9110 §15.5.16"""
    if content_encoding.strip().lower() not in ("", "identity"):
        error = UnsupportedMedia("a body is sent without Content-Encoding", "http.Content-Encoding")
        error.headers["Accept-Encoding"] = "identity"
        raise error


def _is_r4(parameters: str) -> bool:
    version = _parameter(parameters, "fhirversion")
    return not version or version in _VERSIONS


def _is_refused(parameters: str) -> bool:
    """A weight of 0 means "not this". RFC 9110 §12.4.2"""
    weight = _parameter(parameters, "q")
    return weight.startswith("0") and not weight.strip("0.")


def _parameter(parameters: str, name: str) -> str:
    for part in parameters.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"').lower()
    return ""
