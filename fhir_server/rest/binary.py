"""Binary as the content it holds: read and written in its own media type. https://hl7.org/fhir/R4/binary.html#rest

What is in a Binary may be a page with scripts of anyone: it leaves as a download that nothing sniffs or runs.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode

from fhir_server.errors import Invalid, NotAcceptable, UnsupportedMedia
from fhir_server.fhir import Resource
from fhir_server.fhir.json import decode_json
from fhir_server.rest.media import accepts_content, is_media_type, sent_format

ANY_CONTENT = "application/octet-stream"
_REFERENCE = re.compile(r"[A-Za-z0-9:/._~%|#?=&+-]{1,500}")
_HARMLESS = (
    ("Content-Disposition", "attachment"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


def is_binary_read(method: str, segments: tuple[str, ...]) -> bool:
    """Tells a read or vread of a Binary."""
    is_one = len(segments) == 2 or (len(segments) == 4 and segments[2] == "_history")
    return method in ("GET", "HEAD") and is_one and segments[0] == "Binary" and segments[1][:1] not in "_$"


def is_binary_write(method: str, segments: tuple[str, ...], content_type: str) -> bool:
    """Tells a create or update of a Binary by its content; JSON and XML are the Binary itself."""
    is_write = (method == "POST" and segments == ("Binary",)) or (
        method == "PUT" and len(segments) == 2 and segments[0] == "Binary"
    )
    return is_write and bool(content_type.strip()) and not sent_format(content_type)


def build_binary(
    content: bytes, content_type: str, security_context: str, binary_id: str, _max_depth: int = 0
) -> Resource:
    """Returns the Binary of a content that was sent as it is."""
    if not is_media_type(content_type):
        raise UnsupportedMedia("a Binary has a media type, and at most 4 parameters", "http.Content-Type")
    binary: Resource = {"resourceType": "Binary"}
    if binary_id:
        binary["id"] = binary_id
    binary["contentType"] = content_type
    if security_context:
        if not _REFERENCE.fullmatch(security_context):
            raise Invalid("the security context is a reference", "http.X-Security-Context")
        binary["securityContext"] = {"reference": security_context}
    return {**binary, "data": b64encode(content).decode()}


def read_content(raw: bytes, accept: str) -> tuple[bytes, list[tuple[str, str]]] | None:
    """Returns the content of a Binary and its headers; None when the client takes no such content."""
    binary = decode_json(raw)
    content_type = binary.get("contentType")
    if not is_media_type(content_type):
        content_type = ANY_CONTENT
    if not accepts_content(accept, content_type):
        return None
    headers = [("Content-Type", content_type), *_HARMLESS]
    holder = binary.get("securityContext")
    context = holder.get("reference") if isinstance(holder, dict) else None
    if isinstance(context, str) and _REFERENCE.fullmatch(context):
        headers.append(("X-Security-Context", context))
    try:
        return binascii.a2b_base64(binary.get("data", "")), headers
    except (ValueError, TypeError) as error:
        raise NotAcceptable("the data is not base64: read the Binary as a resource", "Binary.data") from error
