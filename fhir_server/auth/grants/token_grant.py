"""What all grants ask of a client at the token endpoint. RFC 6749 §3.2.1, RFC 9449 §5"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, OAuth2Error

from fhir_server.auth.clients import METHODS, RegisteredClient, check_client_id, check_credentials
from fhir_server.auth.dpop import InvalidProof, Proven, verify_proof
from fhir_server.auth.parameters import SmartRequest


class InvalidDpopProof(OAuth2Error):
    """RFC 9449 §5"""

    error = "invalid_dpop_proof"


class TokenGrant:
    """Mixed into the grants of Authlib, before them."""

    TOKEN_ENDPOINT_AUTH_METHODS: tuple[str, ...] = METHODS
    request: Any
    server: Any

    def authenticate_token_endpoint_client(self) -> RegisteredClient:
        """Returns the client that the request proves, and binds the tokens to its key if it proves one."""
        client: RegisteredClient = authenticate(self.server, self.request, self.TOKEN_ENDPOINT_AUTH_METHODS)
        prove_key(self.server, self.request, client, "token")
        return client

    def save_token(self, token: Any) -> None:
        """Nothing: a token is kept before it is put into the response."""


def authenticate(
    server: Any, request: SmartRequest, methods: tuple[str, ...], endpoint: str = "token"
) -> RegisteredClient:
    """Returns the client that a request proves; raises InvalidClientError."""
    check_credentials(request)
    try:
        client: RegisteredClient = server.authenticate_client(request, list(methods), endpoint)
    except (ValueError, RecursionError):  # Authlib decodes Basic as UTF-8 without asking
        raise InvalidClientError(description="The credentials cannot be read.") from None
    check_client_id(client, request)
    if client.is_high_assurance and request.auth_method != "private_key_jwt":
        raise InvalidClientError(description="This client authenticates by private_key_jwt.")
    return client


def prove_key(server: Any, request: SmartRequest, client: RegisteredClient, endpoint: str) -> None:
    """Keeps the key of a DPoP proof with the request; high-assurance clients need one."""
    proofs = request.headers.get("DPoP")
    if proofs is None:
        if client.is_high_assurance:
            raise InvalidDpopProof("This client needs a DPoP proof.")
        return
    try:
        proven = Proven("POST", f"{server.issuer}/{endpoint}")
        request.jkt = verify_proof(proofs, proven, server.stores.replays)
    except InvalidProof as error:
        raise InvalidDpopProof(f"{error}.") from None


def check_key(bound: str, request: SmartRequest) -> None:
    """Refuses tokens that are bound to a key to anyone who does not prove it."""
    if bound and bound != request.jkt:
        raise InvalidDpopProof("The DPoP proof is of another key.")


def require(request: SmartRequest, name: str) -> str:
    """Returns a parameter that must be there."""
    value = request.form.get(name)
    if not value:
        raise InvalidRequestError(f"Missing '{name}' in request.")
    return value
