"""DPoP: a token that works only with the key of the one who asked for it. RFC 9449"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from fhir_server.storage.oauth.replays import Replays

ALGORITHMS = ["ES256", "ES384", "RS256", "RS384", "PS256", "PS384", "EdDSA"]
_KEYS: dict[str, Any] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}
_LONGEST = 8192
_SECONDS = 60
"""How far iat may be from our clock, either way."""


class _Registry(jws.JWSRegistry):
    max_header_length = 4096  # an RSA key in the header has more than the 512 bytes that joserfc takes


_REGISTRY = _Registry(algorithms=ALGORITHMS)


class InvalidProof(Exception):
    """The proof proves nothing; the text says why, in characters that a header may hold."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof must fit."""

    method: str
    url: str
    access_token: str = ""


def verify_proof(proof: str, proven: Proven, replays: Replays) -> str:
    """Returns the thumbprint of the key that signed a proof; raises InvalidProof."""
    if len(proof) > _LONGEST or not proof.isascii():
        raise InvalidProof("the DPoP proof cannot be read")
    header, claims = _read(proof)
    key = _key(header.get("jwk"))
    try:
        jwt.decode(proof, key, algorithms=ALGORITHMS, registry=_REGISTRY)
        thumbprint = key.thumbprint()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise InvalidProof("the signature of the DPoP proof is not valid") from None
    _check(claims, proven)
    if not replays.is_first("dpop", thumbprint, claims["jti"], int(claims["iat"]) + 2 * _SECONDS + 1):
        raise InvalidProof("the DPoP proof was used before")
    return str(thumbprint)


def _read(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        compact = jws.extract_compact(proof.encode(), registry=_REGISTRY)
        header, claims = compact.headers(), json.loads(compact.payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise InvalidProof("the DPoP proof cannot be read") from None
    if (
        not isinstance(claims, dict)
        or header.get("typ") != "dpop+jwt"
        or _text(header.get("alg")) not in ALGORITHMS
    ):
        raise InvalidProof("the DPoP proof has not the header of one")
    return header, claims


def _key(jwk: Any) -> Any:
    kind = jwk.get("kty") if isinstance(jwk, dict) else None
    if not isinstance(kind, str) or kind not in _KEYS or _PRIVATE & jwk.keys():
        raise InvalidProof("the DPoP proof carries no public key")
    try:
        return _KEYS[kind].import_key(jwk)
    except (JoseError, ValueError, TypeError, OverflowError):
        raise InvalidProof("the DPoP proof carries no public key") from None


def _check(claims: dict[str, Any], proven: Proven) -> None:
    issued, name = claims.get("iat"), claims.get("jti")
    if not isinstance(issued, int) or isinstance(issued, bool) or abs(time.time() - issued) > _SECONDS:
        raise InvalidProof("iat of the DPoP proof is too far from now")
    if not isinstance(name, str) or not 0 < len(name) <= 255:
        raise InvalidProof("the DPoP proof has no jti")
    if claims.get("htm") != proven.method or not _same_url(claims.get("htu"), proven.url):
        raise InvalidProof("the DPoP proof is for another request")
    if proven.access_token and claims.get("ath") != _hash(proven.access_token):
        raise InvalidProof("the DPoP proof is for another access token")


def _same_url(given: Any, expected: str) -> bool:
    """Compares without query and fragment. RFC 9449 §4.3"""
    if not isinstance(given, str):
        return False
    try:
        one, other = urlsplit(given), urlsplit(expected)
        return (one.scheme.lower(), one.netloc.lower(), one.path) == (
            other.scheme,
            other.netloc.lower(),
            other.path,
        )
    except ValueError:
        return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _hash(access_token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).rstrip(b"=").decode()
