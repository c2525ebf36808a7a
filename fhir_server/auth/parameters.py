"""The parameters of an OAuth request: each once, from one place, of bounded size. RFC 6749 §3.1, §3.2"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from flask import Request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import RequestEntityTooLarge as TooLargeBody

MOST_BYTES = 64 * 1024
MOST_PARAMETERS = 60
LONGEST = 16 * 1024
FORM = "application/x-www-form-urlencoded"


class SmartRequest(OAuth2Request):
    """A request of Authlib whose parameters were read here, not from URL and body mixed."""

    def __init__(self, method: str, uri: str, headers: Any, parameters: dict[str, str]) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = BasicOAuth2Payload(parameters)
        self.parameters = parameters
        self.received_at = datetime.now(UTC)
        """How long it waits here afterwards is no fault of the client."""
        self.address = ""
        """Network address of the caller, for the audit trail."""
        self.request_id = ""
        self.jkt = ""
        """Thumbprint of the key that a DPoP proof of this request proved. RFC 9449"""

    @property
    def form(self) -> dict[str, str]:
        """The parameters; a token request has no others."""
        return self.parameters

    @property
    def args(self) -> dict[str, str]:
        """Nothing: what comes in the URL of a POST is refused."""
        return {}


def read_form(request: Request) -> dict[str, str]:
    """Returns the parameters of a POST; those in the URL are refused (they end up in logs)."""
    if request.query_string:
        raise InvalidRequestError("Parameters belong into the body of this request, not into its URL.")
    request.max_content_length = request.max_form_memory_size = MOST_BYTES
    request.max_form_parts = MOST_PARAMETERS
    try:
        if request.mimetype != FORM:
            raise InvalidRequestError(f"The body must be {FORM}.")
        return once(request.form)
    except TooLargeBody:
        raise InvalidRequestError("The request is too large.", status_code=413) from None
    except HTTPException:
        raise InvalidRequestError("The body cannot be read.") from None


def read_query_or_form(request: Request) -> dict[str, str]:
    """Returns the parameters of GET (the URL) or POST (the body). OpenID Connect Core §3.1.2.1"""
    if request.method == "POST":
        return read_form(request)
    if len(request.query_string) > MOST_BYTES:
        raise InvalidRequestError("The request is too large.", status_code=414)
    return once(request.args)


def once(values: Any) -> dict[str, str]:
    """Returns the parameters that have a value; raises when one comes twice."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for count, (name, value) in enumerate(values.items(multi=True)):
        if count >= MOST_PARAMETERS or len(value) > LONGEST or len(name) > 100:
            raise InvalidRequestError("The request has too many or too long parameters.")
        if name in seen:
            raise InvalidRequestError("A parameter is repeated.")
        seen.add(name)
        if "\0" in value:
            raise InvalidRequestError("A parameter holds a character that none may hold.")
        # RFC 6749 §3.1: a parameter without a value is treated as if it were omitted.
        if value:
            found[name] = value
    return found
