"""private_key_jwt: a client proves itself with a JWT signed RS384 or ES384.

https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html, RFC 7523 §3
Authlib's class takes HS256, knows neither algorithm of SMART, and falls over nested JSON.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import JoseError

from fhir_server.auth.clients import RegisteredClient
from fhir_server.auth.key_sets import KeySets
from fhir_server.storage.oauth.replays import Replays

KEY_TYPES = {"RS384": "RSA", "ES384": "EC"}
ALGORITHMS = list(KEY_TYPES)
_LONGEST = 8192
_LIFETIME = 300
_LEEWAY = 30
_LONGEST_JTI = 255
_KNOWN_HEADERS = frozenset({"alg", "kid", "typ", "jku", "x5t", "x5t#S256", "cty"})


class ClientAssertion(JWTBearerClientAssertion):
    """Checks client assertions of one authorization server."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, audiences: Sequence[str], key_sets: KeySets, replays: Replays) -> None:
        super().__init__(leeway=_LEEWAY)
        self._audiences = list(audiences)
        self._key_sets = key_sets
        self._replays = replays

    def __call__(self, query_client: Any, request: Any) -> RegisteredClient | None:
        """Returns the client that an assertion proves; None when the request has no assertion."""
        form = request.form
        if "client_assertion" not in form and "client_assertion_type" not in form:
            return None
        if form.get("client_assertion_type") != self.CLIENT_ASSERTION_TYPE or "client_assertion" not in form:
            raise InvalidClientError(description="client_assertion_type does not go with client_assertion.")
        assertion = form["client_assertion"]
        headers, claims = self.extract_assertion(assertion)
        client = query_client(claims["sub"]) if isinstance(claims.get("sub"), str) else None
        # The same words for an unknown client and a wrong key: who is registered is nobody's business.
        key = self._find_key(client, headers) if client is not None else None
        if client is None or key is None:
            raise InvalidClientError(description="The assertion fits no registered client and key.")
        self.process_assertion_claims(assertion, key)
        if not client.check_endpoint_auth_method(self.CLIENT_AUTH_METHOD, "token"):
            raise InvalidClientError(description="The client does not authenticate this way.")
        return client  # type: ignore[no-any-return]

    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns header and claims of an assertion that nobody has verified yet."""
        if len(assertion) > _LONGEST or not assertion.isascii():
            raise InvalidClientError(description="The assertion cannot be read.")
        try:
            headers, claims = super().extract_assertion(assertion)
        except (InvalidClientError, ValueError, TypeError, RecursionError):
            raise InvalidClientError(description="The assertion cannot be read.") from None
        return headers, claims

    def process_assertion_claims(self, assertion: str, resolve_key: Any) -> dict[str, Any]:
        """Returns the claims of an assertion whose signature, times and name hold."""
        try:
            token = jwt.decode(assertion, resolve_key, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError, RecursionError):
            raise InvalidClientError(description="The signature of the assertion is not valid.") from None
        self.verify_claims(token.claims)
        return token.claims

    def verify_claims(self, claims: Any) -> None:
        """Checks iss, sub, aud, exp, iat, nbf, then that the jti is new: in this order, for it is kept."""
        options: Any = {name: {"essential": True} for name in ("iss", "sub", "exp")}
        try:
            jwt.JWTClaimsRegistry(leeway=_LEEWAY, **options).validate(claims)
        except (JoseError, ValueError, TypeError, OverflowError):
            raise InvalidClientError(description="A claim of the assertion is missing or past.") from None
        audience = claims.get("aud")
        if not (isinstance(audience, str) and audience in self._audiences) and not (
            isinstance(audience, list) and len(audience) == 1 and audience[0] in self._audiences
        ):
            raise InvalidClientError(description="aud of the assertion is not this token endpoint.")
        if claims["iss"] != claims["sub"]:
            raise InvalidClientError(description="iss and sub of the assertion must be the client_id.")
        if not claims["exp"] - time.time() <= _LIFETIME + _LEEWAY:
            raise InvalidClientError(description="exp of the assertion must be at most five minutes ahead.")
        if not self.validate_jti(claims, claims.get("jti")):
            raise InvalidClientError(description="jti of the assertion is missing or was used before.")

    def validate_jti(self, claims: Any, jti: Any) -> bool:
        """Notes the name of an assertion; False when it has none or came before."""
        if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
            return False
        return self._replays.is_first("assertion", claims["iss"], jti, int(claims["exp"]) + _LEEWAY + 1)

    def _find_key(self, client: RegisteredClient, headers: dict[str, Any]) -> Any:
        key_type = KEY_TYPES.get(headers["alg"]) if isinstance(headers.get("alg"), str) else None
        kid = headers.get("kid")
        if key_type is None or not isinstance(kid, str) or headers.keys() - _KNOWN_HEADERS:
            return None
        if headers.get("typ", "JWT") != "JWT":
            return None
        # SMART: a jku that is not the registered URL ends it; there is no falling back.
        if "jku" in headers and headers["jku"] != (client.row.jwks_uri or None):
            return None
        return self._key_sets.find(client.row, kid, key_type)
