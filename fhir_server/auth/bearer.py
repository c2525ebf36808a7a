"""Access token → AccessContext, by Authlib's resource protector. RFC 6750, RFC 9449 §7

A worker trusts a token it has read for TOKEN_CACHE_SECONDS, so a read costs no round trip for its
token and a revoked token, grant or client stops within that time; as a rule at once, because `forget`
is called when something is taken back (storage/revocations.py).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ResourceProtector
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc6750.errors import InvalidTokenError

from fhir_server.audit.activity import read_activity
from fhir_server.auth.dpop import ALGORITHMS, InvalidProof, Proven, verify_proof
from fhir_server.auth.scopes import OPERATOR
from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid, LoginRequired
from fhir_server.policy.context import AccessContext
from fhir_server.policy.scopes import Scopes, parse_scopes
from fhir_server.storage.oauth.access_tokens import AccessToken, AccessTokens
from fhir_server.storage.oauth.replays import Replays

REALM = "fhir"
_CACHED = 10_000
_LONGEST = 512


class _Request(Protocol):
    """What is read of a request."""

    @property
    def headers(self) -> Any: ...
    @property
    def method(self) -> Any: ...
    @property
    def path(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Token:
    """A token as Authlib asks about it."""

    context: AccessContext
    expires_at: datetime
    revoked: bool
    jkt: str

    def is_expired(self) -> bool:
        return self.expires_at <= datetime.now(UTC)

    def is_revoked(self) -> bool:
        return self.revoked

    def get_scope(self) -> str:
        return self.context.scopes.text


class _Tokens:
    """Tokens of the database, each remembered for a few seconds."""

    def __init__(self, tokens: AccessTokens, cache_seconds: int, base_url: str) -> None:
        self._tokens = tokens
        self._base_url = base_url
        self._cache_seconds = cache_seconds
        self._cache: OrderedDict[str, tuple[float, _Token]] = OrderedDict()
        self._lock = threading.Lock()
        self._forgotten = 0

    def forget(self) -> None:
        """Reads every token anew: something was taken back."""
        with self._lock:
            self._forgotten += 1
            self._cache.clear()

    def find(self, text: str) -> _Token | None:
        """Returns a token, None when there is none."""
        if len(text) > _LONGEST or not text.isascii():
            return None
        now = time.monotonic()
        with self._lock:
            cached = self._cache.get(text)
            forgotten = self._forgotten
        if cached is not None and cached[0] > now:
            return cached[1]
        row = self._tokens.find(text)
        if row is None:
            return None
        token = _read(row, self._base_url, revoked=not self._tokens.stands(row))
        with self._lock:
            if forgotten != self._forgotten:
                return token  # it may have been taken back since it was read: the next request looks again
            self._cache[text] = (now + self._cache_seconds, token)
            self._cache.move_to_end(text)
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return token


class _BearerValidator(BearerTokenValidator):
    """Takes tokens that are bound to no key."""

    def __init__(self, tokens: _Tokens) -> None:
        super().__init__(realm=REALM)
        self._tokens = tokens

    def authenticate_token(self, token_string: str) -> _Token | None:
        return self._tokens.find(token_string)

    def validate_token(self, token: _Token | None, scopes: Any, request: Any) -> None:
        super().validate_token(token, scopes, request)
        if token is not None and token.jkt:
            raise InvalidTokenError(realm=REALM)


class _DpopValidator(_BearerValidator):
    """Takes tokens that are bound to a key, with a proof of that key for this request."""

    TOKEN_TYPE = "dpop"  # noqa: S105  # the name of the scheme

    def __init__(self, tokens: _Tokens, replays: Replays, origin: str) -> None:
        super().__init__(tokens)
        self._replays = replays
        self._origin = origin

    def validate_token(self, token: _Token | None, scopes: Any, request: Any) -> None:
        BearerTokenValidator.validate_token(self, token, scopes, request)
        text = request.headers["Authorization"].split(None, 1)[1]
        proven = Proven(request.method, self._origin + quote(request.path), text)
        jkt = verify_proof(request.headers.get("DPoP", ""), proven, self._replays)
        if token is None or jkt != token.jkt:
            raise InvalidProof("the DPoP proof is of another key than the access token")


def _read(row: AccessToken, base_url: str, *, revoked: bool) -> _Token:
    words = str(row.scope).split()
    text = " ".join(word for word in words if word not in OPERATOR)
    types = load_definitions().resource_types
    scopes = parse_scopes(text, types, base_url) if text else Scopes((), "")
    context = AccessContext(
        client_id=row.client_id,
        token_id=row.token_id,
        scopes=scopes,
        patients=tuple(row.patients),
        patient=row.patient or "",
        fhir_user=row.fhir_user or "",
        purpose=row.purpose or "TREAT",
        named_scopes=(*scopes.context, *(word for word in words if word in OPERATOR)),
        account_id=row.account_id or "",
        grant_id=row.grant_id or "",
        encounter=row.encounter or "",
        activity=read_activity(row.activity),
    )
    return _Token(context, row.expires_at, revoked, row.jkt or "")


class Authenticator:
    """Turns the Authorization header of a request into an AccessContext."""

    def __init__(self, tokens: AccessTokens, replays: Replays, base_url: str, cache_seconds: int) -> None:
        self._protector: Any = ResourceProtector()
        cached = self._tokens = _Tokens(tokens, cache_seconds, base_url)
        parts = urlsplit(base_url)
        self._protector.register_token_validator(_BearerValidator(cached))
        self._protector.register_token_validator(
            _DpopValidator(cached, replays, f"{parts.scheme}://{parts.netloc}")
        )

    def forget(self) -> None:
        """Reads every token anew: something was taken back."""
        self._tokens.forget()

    def authenticate(self, request: _Request, address: str, request_id: str) -> AccessContext:
        """Returns who asks; raises LoginRequired with the challenge of RFC 6750 §3."""
        try:
            token: _Token = self._protector.validate_request(None, request)
        except OAuth2Error as error:
            raise _challenge(error) from error
        except InvalidProof as error:
            raise _dpop_challenge(error) from error
        except Invalid as error:  # a scope this release no longer knows
            raise LoginRequired(f"the access token cannot be used: {error.diagnostics}") from error
        return replace(token.context, address=address, request_id=request_id)


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


def _dpop_challenge(error: InvalidProof) -> LoginRequired:
    login = LoginRequired(str(error))
    login.headers["WWW-Authenticate"] = (
        f'DPoP realm="{REALM}", error="invalid_dpop_proof", error_description="{error}", '
        f'algs="{" ".join(ALGORITHMS)}"'
    )
    return login
