"""Content negotiation: which format the client sent and which it wants. https://hl7.org/fhir/R4/http.html#mime-type"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from fhir_server.errors import NotAcceptable, UnsupportedMedia

FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"
JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"

_SENT = {
    FHIR_JSON: FHIR_JSON,
    "application/json": FHIR_JSON,
    "application/json+fhir": FHIR_JSON,
    FHIR_XML: FHIR_XML,
    "application/xml": FHIR_XML,
    "text/xml": FHIR_XML,
    "application/xml+fhir": FHIR_XML,
}
"""Media type → the format it means; in the body of a request."""
_ACCEPTED = {**_SENT, "text/json": FHIR_JSON}
_FORMATS = {**_ACCEPTED, "json": FHIR_JSON, "xml": FHIR_XML}
"""Values of _format."""
_FORMATS_OF = {"application/*": 1, "*/*": 0, "": 0}
"""Ranges that both formats are in → how specific they are."""
_VERSIONS = frozenset({"4.0", "4.0.1"})
_WEIGHT = re.compile(r"[01](?:\.\d{0,3})?")
_MEDIA_TYPE = re.compile(
    r"[\w!#$&^.+-]{1,80}/[\w!#$&^.+-]{1,80}(?:;[ ]?[\w-]{1,40}=[\w.+/:-]{1,80}){0,4}", re.ASCII
)


class _Range(NamedTuple):
    """One element of an Accept header. RFC 9110 §12.5.1"""

    name: str
    weight: float
    is_r4: bool


@lru_cache(maxsize=256)
def choose_format(format_: str | None, accept: str, sent: str = FHIR_JSON) -> str:
    """Returns FHIR_JSON or FHIR_XML; raises NotAcceptable when the client takes neither.

    `_format` wins over Accept. Who takes anything is answered in the format of what it sent.
    """
    if format_ is not None:
        name, _, parameters = format_.replace(" ", "+").partition(";")  # "+" not encoded arrives as a space
        chosen = _FORMATS.get(name.strip().lower())
        if chosen is None or not _is_r4(parameters):
            raise _not_acceptable()
        return chosen
    ranges = [one for one in _ranges(accept) if one.is_r4]
    weighed = [(_weigh(ranges, one), -at, one) for at, one in enumerate(_preferred(ranges, sent))]
    (_, weight), _, chosen = max(weighed, key=lambda row: (row[0][1], row[0][0], row[1]))
    if not weight:
        raise _not_acceptable()
    return chosen


def is_content_wanted(format_: str | None, accept: str) -> bool:
    """Tells whether a Binary is read as the content it holds: when no FHIR format is named.

    https://hl7.org/fhir/R4/binary.html#rest
    """
    if format_ is not None:
        return False
    named = {one.name for one in _ranges(accept) if one.weight}
    return named.isdisjoint({FHIR_JSON, FHIR_XML})


def accepts_content(accept: str, content_type: str) -> bool:
    """Tells whether a client takes a media type."""
    name = content_type.partition(";")[0].strip().lower()
    found = {one.name: one.weight for one in _ranges(accept)}
    for key in (name, f"{name.partition('/')[0]}/*", "*/*", ""):
        if key in found:
            return bool(found[key])
    return False


def sent_format(content_type: str) -> str:
    """Returns the FHIR format that a Content-Type names; "" for another one."""
    return _SENT.get(content_type.partition(";")[0].strip().lower(), "")


def check_sent(content_type: str, *, is_patch: bool) -> None:
    """Raises UnsupportedMedia when the body is in no format of this server."""
    name, _, parameters = content_type.partition(";")
    media_type = name.strip().lower()
    if media_type not in _SENT and not (is_patch and media_type == JSON_PATCH):
        raise UnsupportedMedia(
            f"a body is {FHIR_JSON} or {FHIR_XML}, not {media_type[:100] or 'unnamed'}", "http.Content-Type"
        )
    if not _is_r4(parameters):
        raise UnsupportedMedia("this server speaks FHIR version 4.0", "http.Content-Type")
    charset = _parameter(parameters, "charset")
    if charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMedia("FHIR is encoded in UTF-8", "http.Content-Type")


def check_coding(content_encoding: str) -> None:
    """Raises UnsupportedMedia for a compressed body. RFC 9110 §15.5.16"""
    if content_encoding.strip().lower() not in ("", "identity"):
        error = UnsupportedMedia("a body is sent without Content-Encoding", "http.Content-Encoding")
        error.headers["Accept-Encoding"] = "identity"
        raise error


def is_media_type(text: object) -> bool:
    """Tells whether a text may stand in a Content-Type header."""
    return isinstance(text, str) and _MEDIA_TYPE.fullmatch(text) is not None


def _not_acceptable() -> NotAcceptable:
    return NotAcceptable(
        f"this server answers in {FHIR_JSON} or {FHIR_XML} of FHIR version 4.0", "http._format"
    )


def _ranges(accept: str) -> Iterator[_Range]:
    for one in accept.split(","):
        name, _, parameters = one.partition(";")
        weight = _parameter(parameters, "q")
        # A weight that is none is not worth a refusal.
        number = float(weight) if _WEIGHT.fullmatch(weight) else 1.0
        yield _Range(name.strip().lower(), number, _is_r4(parameters))


def _preferred(ranges: list[_Range], sent: str) -> list[str]:
    """The two formats, the one first that decides between equals: named first, else the one that was sent."""
    named = [_ACCEPTED[one.name] for one in ranges if one.name in _ACCEPTED]
    return list(dict.fromkeys([*named, sent if sent in _SENT else FHIR_JSON, FHIR_JSON, FHIR_XML]))


def _weigh(ranges: list[_Range], format_: str) -> tuple[int, float]:
    """Returns how specific the range is that decides on a format, and the weight it gives."""
    found = [(2, one.weight) for one in ranges if _ACCEPTED.get(one.name) == format_]
    found = found or [(_FORMATS_OF[one.name], one.weight) for one in ranges if one.name in _FORMATS_OF]
    return max(found, default=(0, 0.0))


def _is_r4(parameters: str) -> bool:
    version = _parameter(parameters, "fhirversion")
    return not version or version in _VERSIONS


def _parameter(parameters: str, name: str) -> str:
    for part in parameters.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"').lower()
    return ""
