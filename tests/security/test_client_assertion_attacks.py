"""Client assertions: forged, replayed, confused, nested, huge. RFC 7523 §3, RFC 8725"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.running_server import RunningServer
from tests.security.test_code_attacks import race
from tests.smart_app import (
    ASSERTION_TYPE,
    SmartApp,
    ec_key,
    error_of,
    public_jwks,
    register,
    register_system,
    rsa_key,
    system_token,
)


@pytest.fixture(scope="module")
def system(server: RunningServer) -> SmartApp:
    return register_system(server)


def send(system: SmartApp, assertion: str, **form: str) -> Any:
    fields = {
        "grant_type": "client_credentials",
        "scope": "system/*.rs",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    return system.token(**{**fields, **form})


def encode(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(("key", "alg"), [(rsa_key, "RS384"), (ec_key, "ES384")])
def test_a_good_assertion_is_taken(system: SmartApp, key: Callable[[], Any], alg: str) -> None:
    answer = system_token(system, key(), alg)
    assert answer.status_code == 200, answer.text
    assert answer.json()["expires_in"] == 300
    assert "refresh_token" not in answer.json()


BAD_CLAIMS: list[dict[str, Any]] = [
    {"iss": None},
    {"sub": None},
    {"aud": None},
    {"exp": None},
    {"jti": None},
    {"iss": "other"},
    {"sub": "other"},
    {"sub": "other", "iss": "other"},
    {"sub": ["x"]},
    {"sub": {"$ne": ""}},
    {"iss": 1},
    {"aud": "https://evil.example/token"},
    {"aud": ["https://evil.example/token"]},
    {"aud": []},
    {"aud": {}},
    {"aud": 1},
    {"exp": 1},
    {"exp": time.time() - 120},
    {"exp": time.time() + 3600},
    {"exp": 10**30},
    {"exp": float("1e308")},
    {"exp": "tomorrow"},
    {"exp": True},
    {"exp": [1]},
    {"nbf": time.time() + 3600},
    {"nbf": "x"},
    {"iat": time.time() + 3600},
    {"iat": {}},
    {"jti": ""},
    {"jti": 1},
    {"jti": ["x"]},
    {"jti": {"$gt": ""}},
    {"jti": "x" * 300},
]


@pytest.mark.parametrize("claims", BAD_CLAIMS, ids="+".join)
def test_a_claim_that_is_wrong_is_refused(system: SmartApp, claims: dict[str, Any]) -> None:
    assert error_of(system_token(system, rsa_key(), "RS384", **claims), 401) == "invalid_client"


def test_an_audience_among_others_is_refused(system: SmartApp) -> None:
    audience = [system.url("token"), "https://evil.example/token"]
    assert error_of(system_token(system, rsa_key(), "RS384", aud=audience), 401) == "invalid_client"
    assert system_token(system, rsa_key(), "RS384", aud=[system.url("token")]).status_code == 200


BAD_HEADERS: list[dict[str, Any]] = [
    {"kid": None},
    {"kid": "other"},
    {"kid": 1},
    {"kid": {"$ne": ""}},
    {"kid": "ec-1"},
    {"typ": "dpop+jwt"},
    {"jku": "https://evil.example/jwks"},
    {"jku": ""},
    {"crit": ["x"], "x": 1},
    {"jwk": public_jwks(rsa_key())["keys"][0]},
    {"x5u": "https://evil.example/"},
    {"b64": False},
]


@pytest.mark.parametrize("header", BAD_HEADERS, ids="+".join)
def test_a_header_that_is_wrong_is_refused(system: SmartApp, header: dict[str, Any]) -> None:
    now = int(time.time())
    claims = {
        "iss": system.client_id,
        "sub": system.client_id,
        "aud": system.url("token"),
        "exp": now + 200,
        "jti": secrets.token_hex(8),
    }
    full = {"alg": "RS384", "kid": "rsa-1", "typ": "JWT", **header}
    head = encode({name: value for name, value in full.items() if value is not None})
    signed = f"{head}.{encode(claims)}"
    signature = _sign(signed)
    assert error_of(send(system, f"{signed}.{signature}"), 401) == "invalid_client"


def _sign(text: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA384

    return encode(rsa_key().private_key.sign(text.encode(), PKCS1v15(), SHA384()))


def test_the_same_signature_with_a_right_header_is_taken(system: SmartApp) -> None:
    now = int(time.time())
    claims = {
        "iss": system.client_id,
        "sub": system.client_id,
        "aud": system.url("token"),
        "exp": now + 200,
        "jti": secrets.token_hex(8),
    }
    signed = f"{encode({'alg': 'RS384', 'kid': 'rsa-1', 'typ': 'JWT'})}.{encode(claims)}"
    assert send(system, f"{signed}.{_sign(signed)}").status_code == 200


def test_none_and_the_public_key_as_secret_are_refused(system: SmartApp) -> None:
    claims = {
        "iss": system.client_id,
        "sub": system.client_id,
        "aud": system.url("token"),
        "exp": int(time.time()) + 200,
    }
    for alg in ("none", "None", "NONE", "nOnE", ""):
        head = encode({"alg": alg, "kid": "rsa-1", "typ": "JWT"})
        body = encode({**claims, "jti": secrets.token_hex(8)})
        for signature in ("", "x"):
            assert error_of(send(system, f"{head}.{body}.{signature}"), 401) == "invalid_client"
    public = rsa_key().as_pem(private=False)
    for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384)):
        signed = f"{encode({'alg': alg, 'kid': 'rsa-1'})}.{encode({**claims, 'jti': secrets.token_hex(8)})}"
        signature = encode(hmac.new(public, signed.encode(), digest).digest())
        assert error_of(send(system, f"{signed}.{signature}"), 401) == "invalid_client"


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (rsa_key(), "RS256"),
        (rsa_key(), "RS512"),
        (rsa_key(), "PS384"),
        (ECKey.generate_key("P-256", {"kid": "ec-1"}), "ES256"),
        (OctKey.generate_key(256, {"kid": "rsa-1"}), "HS256"),
        (RSAKey.generate_key(2048, {"kid": "rsa-1"}), "RS384"),
        (ECKey.generate_key("P-384", {"kid": "ec-1"}), "ES384"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_another_algorithm_or_another_key_is_refused(system: SmartApp, key: Any, alg: str) -> None:
    now = int(time.time())
    claims = {
        "iss": system.client_id,
        "sub": system.client_id,
        "aud": system.url("token"),
        "exp": now + 200,
        "jti": secrets.token_hex(8),
    }
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=[alg])
    signed = jwt.encode({"alg": alg, "kid": key.kid}, claims, key, algorithms=[alg], registry=registry)
    assert error_of(send(system, signed), 401) == "invalid_client"


NESTED = b"[" * 900 + b"]" * 900


def unsigned(header: Any, payload: Any) -> str:
    return f"{encode(header)}.{encode(payload)}.x"


RS384 = {"alg": "RS384", "kid": "rsa-1"}
BROKEN = [
    ".",
    "..",
    "...",
    "x",
    "x.y.z",
    "é.é.é",
    "a" * 9000,
    "a." * 3000,
    f"{encode(RS384)}..",
    unsigned(RS384, b"not json"),
    unsigned(RS384, [1]),
    unsigned(RS384, "text"),
    unsigned(RS384, b"{}"),
    unsigned(RS384, NESTED),
    unsigned(RS384, b"[" * 990),
    unsigned(RS384, b"[" * 4000),
    unsigned(RS384, b'{"a":' * 990),
    unsigned(b"[" * 990, b"{}"),
    unsigned({"alg": ["RS384"]}, {"sub": "x"}),
    unsigned({"alg": 1}, {"sub": "x"}),
    unsigned({}, {"sub": "x"}),
    unsigned([], {"sub": "x"}),
    unsigned(b"null", b"null"),
    unsigned(bytes([255, 254]), bytes([255])),
    unsigned(RS384, b'{"a":'),
    unsigned(RS384, b'{"sub": 1' + b"0" * 5000 + b"}"),
    unsigned(RS384, b'{"sub": "x", "exp": NaN}'),
    f"{encode({'alg': 'dir', 'enc': 'A128GCM'})}.a.b.c.d",
]


@pytest.mark.parametrize("assertion", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_assertion_is_refused_and_never_an_error_of_ours(system: SmartApp, assertion: str) -> None:
    answer = send(system, assertion)
    assert error_of(answer, 401) == "invalid_client"


def test_an_assertion_is_taken_once(system: SmartApp) -> None:
    assertion = system.assertion(rsa_key(), "RS384")
    assert send(system, assertion).status_code == 200
    assert error_of(send(system, assertion), 401) == "invalid_client"


def test_of_64_uses_of_an_assertion_at_once_one_succeeds(system: SmartApp) -> None:
    assertion = system.assertion(rsa_key(), "RS384")
    answers = race(lambda: send(system, assertion))
    assert sum(answer.status_code == 200 for answer in answers) == 1


def test_a_name_that_was_refused_is_not_used_up_by_a_forger(system: SmartApp) -> None:
    forged = SmartApp(system.server, system.client_id)
    thief = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    assert error_of(send(forged, forged.assertion(thief, "RS384", jti="shared")), 401) == "invalid_client"
    assert send(system, system.assertion(rsa_key(), "RS384", jti="shared")).status_code == 200


def test_an_assertion_of_one_system_is_none_for_another(server: RunningServer, system: SmartApp) -> None:
    other = register_system(server, rsa_key("other"))
    assert error_of(send(system, other.assertion(rsa_key(), "RS384")), 401) == "invalid_client"
    assert error_of(send(other, system.assertion(rsa_key(), "RS384"), client_id=other.client_id), 401)


def test_a_key_of_which_two_fit_is_refused(server: RunningServer) -> None:
    keys = public_jwks(rsa_key(), RSAKey.generate_key(2048, {"kid": "rsa-1"}))
    twice = register_system(server, jwks=keys)
    assert error_of(system_token(twice, rsa_key(), "RS384"), 401) == "invalid_client"


@pytest.mark.parametrize(
    "form",
    [
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": ""},
        {"client_id": "somebody-else"},
    ],
    ids=str,
)
def test_what_goes_with_an_assertion_must_fit(system: SmartApp, form: dict[str, str]) -> None:
    assert error_of(send(system, system.assertion(rsa_key(), "RS384"), **form), 401) == "invalid_client"


def test_a_client_of_keys_does_not_come_in_otherwise(server: RunningServer, system: SmartApp) -> None:
    bare = SmartApp(server, system.client_id)
    assert error_of(bare.token(grant_type="client_credentials", scope="system/*.rs"), 401) == "invalid_client"
    guess = SmartApp(server, system.client_id, secret="x" * 43)
    assert (
        error_of(guess.token(grant_type="client_credentials", scope="system/*.rs"), 401) == "invalid_client"
    )


def test_a_client_with_a_secret_gets_no_system_token(server: RunningServer) -> None:
    app = register(
        server, auth_method="client_secret_basic", grant_types=["client_credentials"], scope="system/*.rs"
    )
    answer = app.token(grant_type="client_credentials", scope="system/*.rs")
    assert error_of(answer, 401) == "invalid_client"


@pytest.mark.parametrize(
    "scope", ["", "patient/*.rs", "user/*.rs", "system/*.rs openid", "x", "system/X.rs", "é"]
)
def test_a_system_asks_for_system_scopes(system: SmartApp, scope: str) -> None:
    answer = system_token(system, rsa_key(), "RS384", scope=scope)
    assert error_of(answer) in ("invalid_scope", "invalid_request")


def test_a_system_gets_what_it_was_allowed_and_no_more(server: RunningServer) -> None:
    limited = register_system(server, scope="system/Patient.rs system/Observation.cruds")
    answer = system_token(limited, rsa_key(), "RS384", scope="system/*.rs").json()
    assert set(answer["scope"].split()) == {"system/Patient.rs", "system/Observation.rs"}
    refused = system_token(limited, rsa_key(), "RS384", scope="system/Condition.rs")
    assert error_of(refused) == "invalid_scope"
