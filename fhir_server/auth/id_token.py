"""id_token: who logged in, for the client that asked. https://openid.net/specs/openid-connect-core-1_0.html#IDToken

fhirUser: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data
"""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass
from typing import Any

from joserfc import jwt

from fhir_server.auth.keys import ALGORITHM, Keys
from fhir_server.storage.oauth.families import TokenFamily

_SECONDS = 600


@dataclass(frozen=True, slots=True)
class IdTokens:
    """Writes the id_tokens of one issuer."""

    issuer: str
    base_url: str
    keys: Keys

    def write(self, family: TokenFamily, scopes: list[str], access_token: str, nonce: str) -> str:
        """Returns the signed token of a login."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": family.client_id,
            "iat": now,
            "exp": now + _SECONDS,
            "auth_time": family.auth_time,
            "at_hash": _half_hash(access_token),
            **self.claims(str(family.account_id), str(family.fhir_user), scopes),
        }
        optional = {"nonce": nonce, "acr": family.acr, "amr": list(family.amr)}
        claims |= {name: value for name, value in optional.items() if value}
        key = self.keys.signing_key()
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

    def claims(self, subject: str, fhir_user: str, scopes: list[str]) -> dict[str, Any]:
        """Returns what identity scopes tell of a person, in the id_token and at userinfo alike."""
        claims: dict[str, Any] = {"sub": subject}
        if fhir_user and "fhirUser" in scopes:
            claims["fhirUser"] = f"{self.base_url}/{fhir_user}"
        if fhir_user and "profile" in scopes:  # SMART 1.0 called it so
            claims["profile"] = f"{self.base_url}/{fhir_user}"
        return claims


def _half_hash(access_token: str) -> str:
    """at_hash. OpenID Connect Core §3.1.3.6"""
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()
