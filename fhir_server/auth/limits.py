"""How often a client may ask for tokens from one network, and what of its refusals the audit trail is told.

RFC 6585 §4 (429), OWASP ASVS 5 §2.4.1. Both are counted by the minute, for all workers together. Whoever
names clients that are not registered is counted as one: new names make no new budget and no new events.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from authlib.oauth2 import OAuth2Error

from fhir_server.audit.record import AuditRecorder
from fhir_server.audit.security_event import SecurityEvent
from fhir_server.auth.parameters import SmartRequest
from fhir_server.auth.throttle import Origin
from fhir_server.storage.attempts import Attempts

_MINUTE = 60
_MEMORY = timedelta(minutes=2)
_LONGEST_NAME = 100
_LONGEST_ASSERTION = 8192
REFUSALS = frozenset(
    {
        "invalid_client",
        "invalid_grant",
        "invalid_scope",
        "unauthorized_client",
        "invalid_dpop_proof",
        "temporarily_unavailable",
    }
)
"""Errors that the audit trail is told; a request that is merely malformed tries nothing."""


class TooManyRequests(OAuth2Error):
    """RFC 6585 §4; the code is the nearest of RFC 6749 §4.1.2.1."""

    error = "temporarily_unavailable"
    status_code = 429

    def __init__(self, seconds: int) -> None:
        super().__init__("Too many requests; wait as long as Retry-After says.")
        self._seconds = seconds

    def get_headers(self) -> list[tuple[str, str]]:
        """Returns the headers of the answer."""
        return [*super().get_headers(), ("Retry-After", str(self._seconds))]


class Limits:
    """Counts the requests and refusals of clients."""

    def __init__(
        self,
        attempts: Attempts,
        audit: AuditRecorder,
        is_registered: Callable[[str], bool],
        per_minute: int,
    ) -> None:
        self._attempts = attempts
        self._audit = audit
        self._is_registered = is_registered
        self._per_minute = per_minute
        self.clock: Callable[[], float] = time.time

    def admit(self, endpoint: str, request: SmartRequest) -> None:
        """Counts a request of the client that it names; raises TooManyRequests."""
        self.admit_address(f"{endpoint} {self._client(request)}", request.address)

    def admit_address(self, endpoint: str, address: str) -> None:
        """Counts a request from a network; raises TooManyRequests."""
        now = int(self.clock())
        key = f"requests {endpoint} from {Origin(address, '').network} in {now // _MINUTE}"
        if self._attempts.count(key, _MEMORY) > self._per_minute:
            raise TooManyRequests(_MINUTE - now % _MINUTE)

    def note_refusal(self, request: SmartRequest, error: str) -> None:
        """Tells the audit trail of the 1st, 10th, 100th … refusal of a client within a minute."""
        if error not in REFUSALS:
            return
        client_id = self._client(request)
        minute = int(self.clock()) // _MINUTE
        count = self._attempts.count(f"refusals {error} of {client_id} in {minute}", _MEMORY)
        if not is_told(count):
            return
        self._audit.record_security(
            SecurityEvent(
                "token-refused",
                client_id=client_id,
                denied=error if count == 1 else f"{error}, {count} times within a minute",
                address=request.address,
                request_id=request.request_id,
            )
        )

    def _client(self, request: SmartRequest) -> str:
        name = claimed_client(request)
        return name if 0 < len(name) <= _LONGEST_NAME and self._is_registered(name) else ""


def is_told(count: int) -> bool:
    """Tells whether a count is a power of ten: what a flood adds to the trail grows as its logarithm."""
    return count >= 1 and str(count).strip("0") == "1"


def claimed_client(request: SmartRequest) -> str:
    """Returns the client that a request says it is of; nothing of it is proved yet."""
    if "client_assertion" in request.form:
        return _subject(request.form["client_assertion"])
    header = request.headers.get("Authorization", "")
    if header[:6].lower() == "basic ":
        return _decoded(header[6:]).partition(b":")[0].decode("utf-8", "replace")
    return str(request.form.get("client_id", ""))


def _subject(assertion: str) -> str:
    parts = assertion.split(".")
    if len(assertion) > _LONGEST_ASSERTION or len(parts) != 3:
        return ""
    try:
        claims: Any = json.loads(_decoded(parts[1].replace("-", "+").replace("_", "/")))
    except (ValueError, RecursionError):
        return ""
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) else ""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
