"""refresh_token: each is used once; a copy ends its family, a parallel request does not. RFC 9700 §4.14.2

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#step-6-refresh-access-token
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import RefreshTokenGrant

from fhir_server.auth.grants.authorization_code import PARALLEL_SECONDS
from fhir_server.auth.grants.token_grant import TokenGrant, check_key, require
from fhir_server.auth.scopes import narrow, split_scopes
from fhir_server.errors import Invalid
from fhir_server.storage.oauth.families import RefreshToken, TokenFamily


class RefreshGrant(TokenGrant, RefreshTokenGrant):
    """Exchanges refresh tokens."""

    family: TokenFamily

    def validate_token_request(self) -> None:
        """Checks client, token and scopes; nothing is used up yet."""
        client = self._validate_request_client()
        self.request.client = client
        stores = self.server.stores
        row = stores.families.find_refresh_token(require(self.request, "refresh_token"))
        if row is None or row.client_id != client.client_id:
            raise InvalidGrantError("The refresh token is not known.")
        family = stores.families.find(str(row.family_id))
        grant = None if family is None else stores.grants.find(str(family.grant_id))
        if family is None or grant is None:
            raise InvalidGrantError("The authorization was revoked.")
        check_key(str(family.jkt), self.request)
        self._check_session(family)
        self.family, self.request.refresh_token = family, row
        self.request.scope = self._scope(family, list(grant.scopes))

    def create_token_response(self) -> Any:
        """Uses the token and returns the next one."""
        self._claim(self.request.refresh_token)
        body = self.server.issuer_of_tokens.for_authorization(
            self.family, self.request.client, self.request, self.request.scope, None
        )
        return 200, body, self.TOKEN_RESPONSE_HEADER

    def _claim(self, row: RefreshToken) -> None:
        used = self.server.stores.families.claim(row)
        if used is None:
            return
        if (self.request.received_at - used).total_seconds() > PARALLEL_SECONDS:
            self.server.revoke_family(str(row.family_id), "refresh-token-reused", self.request)
        raise InvalidGrantError("The refresh token was used.")

    def _check_session(self, family: TokenFamily) -> None:
        """online_access lasts as long as the person is logged in."""
        if family.session_id and not self.server.is_session_alive(str(family.session_id)):
            raise InvalidGrantError("The person is no longer logged in.")

    def _scope(self, family: TokenFamily, standing: list[str]) -> str:
        """Returns the scopes of the next access token: those asked, which may only be fewer.

        What the person has withdrawn in a later decision is not given again.
        """
        asked, granted = self.request.form.get("scope"), " ".join(narrow(str(family.scope).split(), standing))
        if not granted:
            raise InvalidGrantError("The authorization was revoked.")
        if not asked:
            return granted
        try:
            wanted = split_scopes(asked)
        except Invalid:
            raise InvalidScopeError() from None
        if not wanted or any(narrow([scope], granted.split()) != [scope] for scope in wanted):
            raise InvalidScopeError("The scopes go beyond those that were granted.")
        return " ".join(wanted)
