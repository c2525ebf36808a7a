"""Login through another OpenID provider: Pro Santé Connect, FranceConnect. OpenID Connect Core §3.1

Authlib's client speaks the protocol; here is what it leaves to us: the state lives in our database and
belongs to one browser, the issuer is the configured one everywhere, the assurance is one that was agreed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authlib.common.errors import AuthlibBaseError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from fhir_server.storage.upstream_logins import UpstreamLogin, UpstreamLogins

ALGORITHMS = ["RS256", "ES256", "PS256"]
"""Never none, never HS256: its key would be the client secret, known to more than the provider."""
SECONDS = 5
_METADATA_SECONDS = 3600


class UpstreamError(Exception):
    """The provider could not be asked, or its answer cannot be trusted; the text is for the log."""


class ProvidersError(Exception):
    """The file of providers cannot be used; one line for each problem."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One row of the file of providers."""

    name: str
    title: str
    shape: str
    issuer: str
    discovery: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    accepted_acr: tuple[str, ...]
    acr_values: str = ""
    two_factors: bool = False


def read_providers(path: Path | None) -> tuple[Provider, ...]:
    """Reads the file of providers; raises ProvidersError with every problem."""
    if path is None:
        return ()
    # Most servers have no provider, and start without what only providers need.
    from jsonschema import Draft202012Validator

    schema = json.loads(Path(__file__).with_name("identity_providers.schema.json").read_text("utf-8"))
    try:
        rows = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ProvidersError(f"{path} cannot be read as JSON: {error}") from error
    problems = [f"{path}: {e.json_path}: {e.message}" for e in Draft202012Validator(schema).iter_errors(rows)]
    if problems:
        raise ProvidersError("\n".join(problems))
    if len({row["name"] for row in rows}) < len(rows):
        raise ProvidersError(f"{path}: two providers have the same name")
    return tuple(Provider(**{**row, "accepted_acr": tuple(row["accepted_acr"])}) for row in rows)


class Upstream:
    """The configured providers, and the logins that are under way to them."""

    def __init__(self, providers: Sequence[Provider], logins: UpstreamLogins, callback_prefix: str) -> None:
        self.providers = {provider.name: provider for provider in providers}
        self._logins = logins
        self._callback_prefix = callback_prefix
        self._clients = {provider.name: _client(provider) for provider in providers}

    def leave(self, name: str, browser: str, **fields: str) -> str:
        """Returns the address at the provider to which the browser goes; raises UpstreamError."""
        provider = self.providers[name]
        with _distrusted():
            self._metadata(provider)
            options = {"acr_values": provider.acr_values} if provider.acr_values else {}
            left = self._clients[name].create_authorization_url(self._callback(name), **options)
        self._logins.add(
            left["state"],
            browser,
            provider=name,
            nonce=left["nonce"],
            code_verifier=left["code_verifier"],
            **fields,
        )
        return str(left["url"])

    def come_back(
        self, name: str, browser: str, answer: Mapping[str, str]
    ) -> tuple[UpstreamLogin, Mapping[str, Any]]:
        """Returns what the browser left with and the claims that the provider answers for."""
        left = self._logins.take(answer.get("state", "")[:200], browser)
        if left is None or left.provider != name:
            raise UpstreamError("the state is not one with which this browser left")
        provider = self.providers[name]
        with _distrusted():
            self._check_issuer(provider, answer)
            if "code" not in answer:
                raise UpstreamError(f"no code: {answer.get('error', '')[:60]}")
            claims = self._claims(provider, left, answer["code"])
        if claims.get("acr") not in provider.accepted_acr:
            raise UpstreamError(f"acr {str(claims.get('acr'))[:60]} is not accepted")
        return left, claims

    def _check_issuer(self, provider: Provider, answer: Mapping[str, str]) -> None:
        # RFC 9207 §2.4: against a mix-up of two providers.
        is_promised = self._metadata(provider).get("authorization_response_iss_parameter_supported") is True
        given = answer.get("iss")
        if (given is None and is_promised) or given not in (None, provider.issuer):
            raise UpstreamError(f"the answer names the issuer {str(given)[:100]}")

    def _claims(self, provider: Provider, left: UpstreamLogin, code: str) -> Mapping[str, Any]:
        client = self._clients[provider.name]
        token = client.fetch_access_token(
            redirect_uri=self._callback(provider.name), code=code, code_verifier=left.code_verifier
        )
        if "id_token" not in token:
            raise UpstreamError("the provider gave no id_token")
        identity = client.parse_id_token(token, nonce=left.nonce)
        more = self._userinfo(provider, token)
        if more.get("sub") != identity.get("sub"):
            raise UpstreamError("id_token and userinfo are about two persons")
        return {**more, **identity}

    def _userinfo(self, provider: Provider, token: Mapping[str, Any]) -> Mapping[str, Any]:
        metadata = self._metadata(provider)
        client = self._clients[provider.name]
        answer = client.get(metadata["userinfo_endpoint"], token=token)
        answer.raise_for_status()
        if answer.headers.get("Content-Type", "").startswith("application/jwt"):
            # FranceConnect signs it; the signature is not optional then.
            keys = KeySet.import_key_set(client.fetch_jwk_set())
            claims = jwt.decode(answer.text, keys, algorithms=ALGORITHMS).claims
            registry = jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": provider.issuer},
                aud={"essential": True, "value": provider.client_id},
            )
            registry.validate(claims)
            return claims
        document = answer.json()
        return document if isinstance(document, dict) else {}

    def _metadata(self, provider: Provider) -> Mapping[str, Any]:
        client = self._clients[provider.name]
        if time.time() - client.server_metadata.get("_loaded_at", 0) > _METADATA_SECONDS:
            client.server_metadata.pop("_loaded_at", None)
        metadata = client.load_server_metadata()
        if metadata.get("issuer") != provider.issuer:
            client.server_metadata.pop("_loaded_at", None)
            raise UpstreamError(f"the discovery document is that of {str(metadata.get('issuer'))[:100]}")
        metadata["id_token_signing_alg_values_supported"] = ALGORITHMS
        return metadata  # type: ignore[no-any-return]

    def _callback(self, name: str) -> str:
        return f"{self._callback_prefix}/{name}/callback"


def _client(provider: Provider) -> Any:
    from authlib.integrations.base_client import FrameworkIntegration
    from authlib.integrations.flask_client.apps import FlaskOAuth2App

    return FlaskOAuth2App(
        FrameworkIntegration(provider.name),
        name=provider.name,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        server_metadata_url=provider.discovery,
        client_kwargs={
            "scope": provider.scope,
            "code_challenge_method": "S256",
            "default_timeout": SECONDS,
        },
    )


@contextmanager
def _distrusted() -> Iterator[None]:
    """Turns every way in which a provider can fail into UpstreamError."""
    try:
        yield
    except _FAILURES as error:
        raise UpstreamError(f"{type(error).__name__}: {str(error)[:200]}") from error


_FAILURES = (
    AuthlibBaseError,
    JoseError,
    OSError,  # those of requests too
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)
