"""client_credentials: systems that act for themselves, with system/ scopes.

https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from fhir_server.auth.grants.token_grant import TokenGrant, require
from fhir_server.auth.scopes import OPERATOR, is_resource_scope, levels, split_scopes
from fhir_server.errors import Invalid


class SystemGrant(TokenGrant, ClientCredentialsGrant):
    """Gives a token to a client for what the client itself was allowed."""

    # SMART: not for clients with a shared secret.
    TOKEN_ENDPOINT_AUTH_METHODS = ("private_key_jwt",)

    def validate_token_request(self) -> None:
        """Checks the client and what it asks for."""
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError("The client is not registered for client_credentials.")
        self.request.client = client
        try:
            asked = split_scopes(require(self.request, "scope"))
        except Invalid:
            raise InvalidScopeError() from None
        if any(not is_resource_scope(scope) and scope not in OPERATOR for scope in asked) or (
            levels(asked) - {"system"}
        ):
            raise InvalidScopeError("A system asks for system/ scopes.")
        self.request.scope = " ".join(client.narrow(asked))
        if not self.request.scope:
            raise InvalidScopeError("The client is not allowed any of these scopes.")

    def create_token_response(self) -> Any:
        """Returns the token response."""
        body = self.server.issuer_of_tokens.for_system(self.request.client, self.request, self.request.scope)
        return 200, body, self.TOKEN_RESPONSE_HEADER
