"""Access token → AccessContext, by Authlib's resource protector. RFC 6750

A worker trusts a token it has read for TOKEN_CACHE_SECONDS, so a read costs no round trip for its
token and a revoked token stops within that time.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ResourceProtector
from authlib.oauth2.rfc6750 import BearerTokenValidator

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid, LoginRequired
from fhir_server.policy.context import AccessContext
from fhir_server.policy.scopes import parse_scopes
from fhir_server.storage.oauth.access_tokens import AccessToken, AccessTokens

REALM = "fhir"
_CACHED = 10_000
_LONGEST = 512


class _Request(Protocol):
    """What Authlib reads of a request."""

    @property
    def headers(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Grant:
    """A token as Authlib asks about it."""

    context: AccessContext
    expires_at: datetime
    revoked: bool

    def is_expired(self) -> bool:
        return self.expires_at <= datetime.now(UTC)

    def is_revoked(self) -> bool:
        return self.revoked

    def get_scope(self) -> str:
        return self.context.scopes.text


class _OpaqueTokenValidator(BearerTokenValidator):
    """Finds opaque tokens in the database."""

    def __init__(self, tokens: AccessTokens, cache_seconds: int) -> None:
        super().__init__(realm=REALM)
        self._tokens = tokens
        self._cache_seconds = cache_seconds
        self._cache: OrderedDict[str, tuple[float, _Grant]] = OrderedDict()
        self._lock = threading.Lock()

    def authenticate_token(self, token_string: str) -> _Grant | None:
        """Returns the grant of a token, None when there is none."""
        if len(token_string) > _LONGEST or not token_string.isascii():
            return None
        now = time.monotonic()
        with self._lock:
            cached = self._cache.get(token_string)
        if cached is not None and cached[0] > now:
            return cached[1]
        row = self._tokens.find(token_string)
        if row is None:
            return None
        grant = _read_grant(row)
        with self._lock:
            self._cache[token_string] = (now + self._cache_seconds, grant)
            self._cache.move_to_end(token_string)
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return grant


def _read_grant(row: AccessToken) -> _Grant:
    context = AccessContext(
        client_id=row.client_id,
        token_id=row.token_id,
        scopes=parse_scopes(row.scope, load_definitions().resource_types),
        patient=row.patient or "",
        fhir_user=row.fhir_user or "",
    )
    return _Grant(context, row.expires_at.replace(tzinfo=UTC), row.revoked)


class Authenticator:
    """Turns the Authorization header of a request into an AccessContext."""

    def __init__(self, tokens: AccessTokens, cache_seconds: int) -> None:
        self._protector: Any = ResourceProtector()
        self._protector.register_token_validator(_OpaqueTokenValidator(tokens, cache_seconds))

    def authenticate(self, request: _Request, address: str, request_id: str) -> AccessContext:
        """Returns who asks; raises LoginRequired with the challenge of RFC 6750 §3."""
        try:
            grant: _Grant = self._protector.validate_request(None, request)
        except OAuth2Error as error:
            raise _challenge(error) from error
        except Invalid as error:  # a scope this release no longer knows
            raise LoginRequired(f"the access token cannot be used: {error.diagnostics}") from error
        return replace(grant.context, address=address, request_id=request_id)


def _challenge(error: OAuth2Error) -> LoginRequired:
    if error.error == "invalid_token":
        login = LoginRequired("the access token is not known, expired or revoked")
        login.headers["WWW-Authenticate"] = (
            f'Bearer realm="{REALM}", error="invalid_token", error_description="{login.diagnostics}"'
        )
    else:
        # RFC 6750 §3.1: no error code when the request carries no bearer token at all.
        login = LoginRequired("an access token is needed: Authorization: Bearer <token>")
        login.headers["WWW-Authenticate"] = f'Bearer realm="{REALM}"'
    return login
