"""What this authorization server offers, in one table; three documents are views of it.

https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html, RFC 8414,
https://openid.net/specs/openid-connect-discovery-1_0.html
"""

from __future__ import annotations

from typing import Any

from fhir_server.auth.client_assertion import ALGORITHMS
from fhir_server.auth.clients import METHODS
from fhir_server.auth.dpop import ALGORITHMS as DPOP_ALGORITHMS
from fhir_server.auth.keys import ALGORITHM

CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "context-standalone-encounter",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
)
SCOPES = (
    "openid",
    "fhirUser",
    "profile",
    "launch",
    "launch/patient",
    "launch/encounter",
    "offline_access",
    "online_access",
    "patient/*.rs",
    "patient/*.cruds",
    "user/*.rs",
    "user/*.cruds",
    "system/*.rs",
    "system/*.cruds",
)
# Name in the metadata → path below the issuer, name in oauth-uris of the CapabilityStatement.
ENDPOINTS = {
    "authorization_endpoint": ("/authorize", "authorize"),
    "token_endpoint": ("/token", "token"),
    "introspection_endpoint": ("/introspect", "introspect"),
    "revocation_endpoint": ("/revoke", "revoke"),
    "management_endpoint": ("/access", "manage"),
    "registration_endpoint": ("/register", "register"),
    "pushed_authorization_request_endpoint": ("/par", ""),
    "userinfo_endpoint": ("/userinfo", ""),
    "jwks_uri": ("/jwks", ""),
}
_SMART_ONLY = ("capabilities", "management_endpoint")
_OPENID_ONLY = ("subject_types_supported", "id_token_signing_alg_values_supported", "claims_supported")


def build_metadata(issuer: str, *, registration: str = "approval") -> dict[str, Any]:
    """Returns the whole table for an issuer; an app may not find what is switched off."""
    endpoints = {name: issuer + path for name, (path, _) in ENDPOINTS.items()}
    if registration == "closed":
        del endpoints["registration_endpoint"]
    return {
        "issuer": issuer,
        **endpoints,
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "scopes_supported": list(SCOPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "authorization_response_iss_parameter_supported": True,
        "require_pushed_authorization_requests": False,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": [
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "acr",
            "amr",
            "fhirUser",
        ],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "capabilities": list(CAPABILITIES),
    }


def smart_configuration(metadata: dict[str, Any]) -> dict[str, Any]:
    """Returns [base]/.well-known/smart-configuration."""
    return {name: value for name, value in metadata.items() if name not in _OPENID_ONLY}


def openid_configuration(metadata: dict[str, Any]) -> dict[str, Any]:
    """Returns [issuer]/.well-known/openid-configuration, also the metadata of RFC 8414."""
    return {name: value for name, value in metadata.items() if name not in _SMART_ONLY}


def oauth_uris(metadata: dict[str, Any]) -> dict[str, str]:
    """Returns the URLs of the SMART 1.0 extension oauth-uris, by their names in it."""
    return {short: metadata[name] for name, (_, short) in ENDPOINTS.items() if short and name in metadata}
