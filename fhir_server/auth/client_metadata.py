"""What a client may say of itself, whoever registers it: an app, an administrator, an operator. RFC 7591 §2

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#register-app-with-ehr
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error

from fhir_server.auth.fetch import NotFetched, check_url
from fhir_server.auth.key_sets import UnusableKeys, read_stored_key_set
from fhir_server.auth.scopes import split_scopes
from fhir_server.errors import Invalid
from fhir_server.storage.oauth.clients import AUTH_METHODS

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
_URI = {"type": "string", "maxLength": 1000}
_URIS = {"type": "array", "items": _URI, "maxItems": 20, "uniqueItems": True}
_LINE = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[^\\u0000-\\u001f\\u007f]*$"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["client_name"],
    "properties": {
        "client_name": _LINE,
        "redirect_uris": _URIS,
        "launch_uri": _URI,
        "origins": _URIS,
        "token_endpoint_auth_method": {"enum": list(AUTH_METHODS)},
        "grant_types": {"type": "array", "items": {"enum": list(GRANT_TYPES)}, "uniqueItems": True},
        "response_types": {"type": "array", "items": {"const": "code"}, "uniqueItems": True},
        "scope": {"type": "string", "maxLength": 8192},
        "jwks": {"type": "object"},
        "jwks_uri": _URI,
        "client_uri": _URI,
        "logo_uri": _URI,
        "tos_uri": _URI,
        "policy_uri": _URI,
        "contacts": {"type": "array", "items": _LINE, "maxItems": 10},
        "software_id": _LINE,
        "software_version": _LINE,
    },
}
# Field of the registry → name in RFC 7591; those that are the same in both.
_SAME = (
    "redirect_uris",
    "launch_uri",
    "origins",
    "grant_types",
    "scope",
    "jwks",
    "jwks_uri",
    "client_uri",
    "logo_uri",
    "tos_uri",
    "policy_uri",
    "contacts",
    "software_id",
    "software_version",
)
NAMES = {"name": "client_name", "auth_method": "token_endpoint_auth_method", **{name: name for name in _SAME}}
_EMPTY: dict[str, Any] = {"redirect_uris": [], "origins": [], "contacts": [], "jwks": {}}
_NEVER = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "ftp", "ws", "wss", "mailto"})


class InvalidMetadata(OAuth2Error):
    """RFC 7591 §3.2.2"""

    error = "invalid_client_metadata"


class InvalidRedirectUri(OAuth2Error):
    """RFC 7591 §3.2.2"""

    error = "invalid_redirect_uri"


def read_metadata(document: Any, *, private_addresses: bool = False) -> dict[str, Any]:
    """Returns the fields of the registry for client metadata; raises what RFC 7591 names."""
    # Only who registers pays for the import.
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(SCHEMA).iter_errors(document), key=lambda error: error.json_path)
    if errors:
        raise InvalidMetadata(_ascii(f"{errors[0].json_path}: {errors[0].message[:200]}"))
    fields = {field: document.get(name, _EMPTY.get(field, "")) for field, name in NAMES.items()}
    fields["auth_method"] = document.get("token_endpoint_auth_method", "client_secret_basic")
    fields["grant_types"] = document.get("grant_types", ["authorization_code"])
    fields["scope"] = _scope(fields["scope"])
    _check_grants(fields)
    _check_uris(fields)
    _check_keys(fields, private_addresses)
    return fields


def describe_metadata(row: Any) -> dict[str, Any]:
    """Returns the client metadata of a registered client. RFC 7591 §3.2.1"""
    found = {name: getattr(row, field) for field, name in NAMES.items()}
    plain = {
        name: list(value) if isinstance(value, list) else dict(value) if isinstance(value, dict) else value
        for name, value in found.items()
    }
    answer = {name: value for name, value in plain.items() if value not in ("", [], {})}
    answer["response_types"] = ["code"] if "authorization_code" in row.grant_types else []
    return answer


def _scope(text: str) -> str:
    try:
        return " ".join(split_scopes(text))
    except Invalid as error:
        raise InvalidMetadata(_ascii(error.diagnostics)) from None


def _check_grants(fields: Mapping[str, Any]) -> None:
    grants, method = set(fields["grant_types"]), fields["auth_method"]
    if not grants:
        raise InvalidMetadata("grant_types must name one.")
    if "client_credentials" in grants and method != "private_key_jwt":
        raise InvalidMetadata("client_credentials needs private_key_jwt.")
    if "refresh_token" in grants and "authorization_code" not in grants:
        raise InvalidMetadata("refresh_token needs authorization_code.")
    if "authorization_code" in grants and not fields["redirect_uris"]:
        raise InvalidRedirectUri("authorization_code needs redirect_uris.")


def _check_uris(fields: Mapping[str, Any]) -> None:
    for uri in fields["redirect_uris"]:
        if not is_redirect_uri(uri, is_public=fields["auth_method"] == "none"):
            raise InvalidRedirectUri(
                "A redirect_uri is https, http on a loopback address, or of a scheme of the app with a dot."
            )
    for name in ("launch_uri", "client_uri", "logo_uri", "tos_uri", "policy_uri"):
        if fields[name] and not _is_web(fields[name]):
            raise InvalidMetadata(f"{name} must be an https URL.")
    for origin in fields["origins"]:
        parts = urlsplit(origin)
        if not _is_web(origin) or parts.path or parts.query:
            raise InvalidMetadata("An origin is https://host or https://host:port.")


def _check_keys(fields: dict[str, Any], private_addresses: bool) -> None:
    given = [name for name in ("jwks", "jwks_uri") if fields[name]]
    if fields["auth_method"] == "private_key_jwt" and len(given) != 1:
        raise InvalidMetadata("private_key_jwt needs either jwks or jwks_uri.")
    try:
        if fields["jwks"]:
            fields["jwks"] = read_stored_key_set(fields["jwks"])
        if fields["jwks_uri"]:
            check_url(fields["jwks_uri"], private_addresses=private_addresses)
    except (UnusableKeys, NotFetched) as error:
        raise InvalidMetadata(_ascii(f"{given[0]}: {error}")) from None


def is_redirect_uri(uri: str, *, is_public: bool) -> bool:
    """Tells whether codes may be sent to a URI: encrypted, or on the machine of the browser. RFC 8252 §7"""
    parts = _split(uri)
    if parts is None or parts.fragment or "#" in uri or "@" in parts.netloc or "*" in uri:
        return False
    if parts.scheme in ("https", "http"):
        return _is_web(uri)
    # Private-use schemes are reversed domain names, so that no two apps have the same by chance.
    return is_public and "." in parts.scheme and parts.scheme not in _NEVER


def _is_web(uri: str) -> bool:
    parts = _split(uri)
    if parts is None or not parts.hostname or "@" in parts.netloc or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(uri: str) -> Any:
    if not uri.isascii() or any(ord(character) < 33 or character in '"<>\\^`{|}' for character in uri):
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _ascii(text: str) -> str:
    """Returns a text in the characters of an error_description. RFC 6749 §5.2"""
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "'" for c in text)
