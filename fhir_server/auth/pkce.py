"""PKCE for every client, with S256 and nothing else. RFC 7636, RFC 9700 §2.1.1

Authlib's extension lets confidential clients go without, takes `plain`, and issues codes without challenge.
"""

from __future__ import annotations

import re
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7636 import CodeChallenge

# BASE64URL(SHA256(…)) has 43 characters.
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")


class Pkce(CodeChallenge):
    """Asks for a challenge with the authorization request and for its verifier with the code."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
    CODE_CHALLENGE_METHODS = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}  # noqa: RUF012

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuses an authorization request without an S256 challenge."""
        sent = grant.request.payload.data
        if sent.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256.")
        if _CHALLENGE.fullmatch(sent.get("code_challenge", "")) is None:
            raise InvalidRequestError("code_challenge must be the SHA-256 of a verifier in base64url.")
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        """Refuses a token request whose verifier is missing or another's, and counts the wrong ones."""
        if not grant.request.form.get("code_verifier"):
            raise InvalidRequestError("Missing 'code_verifier'")
        try:
            super().validate_code_verifier(grant, result)
        except (InvalidGrantError, InvalidRequestError):
            grant.count_failure()
            raise
