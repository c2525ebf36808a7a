"""Page cursors, sealed: they name where a page ends, carry no right and work for one token and one query.

https://hl7.org/fhir/R4/http.html#paging
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from fhir_server.errors import Gone, Invalid

LIFETIME_SECONDS = 3600


class PageSeal:
    """Seals and opens cursors (AES-SIV, RFC 5297: it needs no nonce, so none can repeat)."""

    def __init__(self, find_secret: Callable[[], bytes]) -> None:
        """`find_secret` returns 32 bytes; it is asked when the first page is turned, not before."""
        self._find_secret = find_secret

    @cached_property
    def _cipher(self) -> AESSIV:
        return AESSIV(self._find_secret())

    def seal(self, cursor: Any, token_id: str, query: str) -> str:
        """Returns the page token of a cursor."""
        content = [int(time.time()) + LIFETIME_SECONDS, _binding(token_id, query), cursor]
        sealed = self._cipher.encrypt(msgspec.json.encode(content), None)
        return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

    def open(self, page: str, token_id: str, query: str) -> Any:
        """Returns the cursor of a page token; raises Gone when expired, Invalid when of another query."""
        padded = page + "=" * (-len(page) % 4)
        try:
            sealed = base64.b64decode(padded.encode("ascii"), b"-_", validate=True)
            content = self._cipher.decrypt(sealed, None)
            expires, binding, cursor = msgspec.json.decode(content)
        except (InvalidTag, UnicodeError, ValueError) as error:
            raise Invalid("the page token is not one of this server", "http._page") from error
        if binding != _binding(token_id, query):
            raise Invalid("the page token belongs to another search or another access token", "http._page")
        if expires < time.time():
            raise Gone("the page token has expired; start the search again", "http._page")
        return cursor


def _binding(token_id: str, query: str) -> str:
    return hashlib.sha256(f"{token_id}\n{query}".encode("utf-8", "surrogatepass")).hexdigest()
