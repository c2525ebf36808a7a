"""authorization_code: exactly one success for a code, whoever races for it. RFC 6749 §4.1, RFC 9700 §2.1"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant

from fhir_server.auth.grants.token_grant import TokenGrant, check_key
from fhir_server.storage.oauth.codes import AuthorizationCode
from fhir_server.storage.oauth.families import TokenFamily

PARALLEL_SECONDS = 5
"""Who loses a race against itself is no thief."""


class CodeGrant(TokenGrant, AuthorizationCodeGrant):
    """Exchanges codes; the authorization endpoint keeps them with `save_authorization_code`."""

    def query_authorization_code(self, code: str, client: Any) -> AuthorizationCode | None:
        """Returns a code of this client, used and expired ones included: `authenticate_user` decides."""
        found: AuthorizationCode | None = self.server.stores.codes.find(code, client.client_id)
        return found

    def generate_authorization_code(self) -> str:
        """Nothing yet: the store makes the code when it keeps it."""
        return ""

    def create_authorization_response(self, redirect_uri: str, grant_user: Any) -> Any:
        """Not used: the answer is made of a kept request, by `auth.authorize`."""
        raise UnauthorizedClientError

    def count_failure(self) -> None:
        """Counts a verifier that was not the one of the challenge."""
        self.server.stores.codes.count_failure(self.request.authorization_code)

    def authenticate_user(self, authorization_code: AuthorizationCode) -> TokenFamily:
        """Uses the code, last of all checks, and returns what it was granted for."""
        stores = self.server.stores
        check_key(str(authorization_code.jkt), self.request)
        if not stores.codes.claim(authorization_code):
            self._refuse(authorization_code)
        family: TokenFamily | None = stores.families.find(str(authorization_code.family_id))
        if family is None or stores.grants.find(str(family.grant_id)) is None:
            raise InvalidGrantError("The authorization was revoked.")
        if self.request.jkt and self.request.client.is_public:
            stores.families.bind(str(family.family_id), self.request.jkt)
        return family

    def create_token_response(self) -> Any:
        """Returns the token response."""
        code = self.request.authorization_code
        family = self.authenticate_user(code)
        body = self.server.issuer_of_tokens.for_authorization(
            family, self.request.client, self.request, str(family.scope), str(code.nonce)
        )
        return 200, body, self.TOKEN_RESPONSE_HEADER

    def _refuse(self, code: AuthorizationCode) -> None:
        """Ends what came of a code that is used a second time. RFC 6749 §4.1.2"""
        used = self.server.stores.codes.used_at(code)
        if used is not None and (self.request.received_at - used).total_seconds() > PARALLEL_SECONDS:
            self.server.revoke_family(str(code.family_id), "code-reused", self.request)
        raise InvalidGrantError("The code was used, or is too old.")
