"""DPoP: tokens that are bound to a key, proofs that fit one request, once. RFC 9449"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from tests.running_server import RunningServer
from tests.security.test_code_attacks import race
from tests.smart_app import PATIENT, REDIRECT, SmartApp, error_of, register, rsa_key

KEY = ECKey.generate_key("P-256", private=True)
OTHER = ECKey.generate_key("P-256", private=True)


@pytest.fixture(scope="module")
def app(server: RunningServer) -> SmartApp:
    return register(server)


def proof(url: str, method: str = "POST", *, key: Any = KEY, header: Any = None, **claims: Any) -> str:
    full = {"jti": secrets.token_hex(8), "htm": method, "htu": url, "iat": int(time.time()), **claims}
    head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False), **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(head, {n: v for n, v in full.items() if v is not None}, key, algorithms=[head["alg"]])


def ath(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def exchange(app: SmartApp, code: str, dpop: str) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": app.verifier,
    }
    return app.token({"DPoP": dpop}, **form)


@pytest.fixture
def bound(app: SmartApp) -> dict[str, Any]:
    answer = exchange(app, app.approve(PATIENT), proof(app.url("token")))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["token_type"] == "DPoP"
    return body


def read(app: SmartApp, token: str, dpop: str | None, scheme: str = "DPoP") -> requests.Response:
    headers = {"Authorization": f"{scheme} {token}", **({"DPoP": dpop} if dpop is not None else {})}
    return requests.get(f"{app.server.base_url}/Observation", headers=headers, timeout=10)


def test_a_bound_token_works_with_a_proof_of_its_key_and_not_without(
    app: SmartApp, bound: dict[str, Any]
) -> None:
    token, url = bound["access_token"], f"{app.server.base_url}/Observation"
    assert read(app, token, proof(url, "GET", ath=ath(token))).status_code == 200
    for answer in (
        read(app, token, None),
        read(app, token, "x"),
        read(app, token, None, "Bearer"),
        read(app, token, proof(url, "GET", ath=ath(token)), "Bearer"),
        read(app, token, proof(url, "GET")),
        read(app, token, proof(url, "GET", ath=ath("other"))),
        read(app, token, proof(url, "POST", ath=ath(token))),
        read(app, token, proof(f"{url}x", "GET", ath=ath(token))),
        read(app, token, proof(url, "GET", key=OTHER, ath=ath(token))),
    ):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith(("DPoP", "Bearer"))


def test_an_unbound_token_is_none_for_the_scheme_dpop(app: SmartApp) -> None:
    token = app.launch()["access_token"]
    url = f"{app.server.base_url}/Observation"
    assert read(app, token, proof(url, "GET", ath=ath(token))).status_code == 401


def test_a_proof_is_taken_once(app: SmartApp, bound: dict[str, Any]) -> None:
    token = bound["access_token"]
    sent = proof(f"{app.server.base_url}/Observation", "GET", ath=ath(token))
    answers = race(lambda: read(app, token, sent), 16)
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 15


BAD: list[dict[str, Any]] = [
    {"htm": "GET"},
    {"htm": None},
    {"htu": "https://evil.example/token"},
    {"htu": None},
    {"htu": 1},
    {"htu": "https://["},
    {"iat": 1},
    {"iat": int(time.time()) + 4000},
    {"iat": None},
    {"iat": "now"},
    {"iat": True},
    {"jti": None},
    {"jti": ""},
    {"jti": 1},
    {"jti": "x" * 300},
    {"header": {"typ": "JWT"}},
    {"header": {"typ": None}},
    {"header": {"jwk": None}},
    {"header": {"jwk": {}}},
    {"header": {"jwk": KEY.as_dict(private=True)}},
    {"header": {"jwk": OTHER.as_dict(private=False)}},
    {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
    {"header": {"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}},
    {"header": {"jwk": {"kty": ["EC"]}}},
]


@pytest.mark.parametrize("changes", BAD, ids=lambda changes: "+".join(changes))
def test_a_proof_that_is_wrong_is_refused(app: SmartApp, changes: dict[str, Any]) -> None:
    code = app.approve()
    sent = proof(app.url("token"), **changes)
    assert error_of(exchange(app, code, sent)) == "invalid_dpop_proof"
    assert app.exchange(code).status_code == 200


@pytest.mark.parametrize("sent", ["x", "x.y.z", "." * 5, "a" * 9000, "e30.e30.", "W10.W10.x"])
def test_what_is_no_proof_is_refused(app: SmartApp, sent: str) -> None:
    assert error_of(exchange(app, app.approve(), sent)) == "invalid_dpop_proof"


def test_a_proof_by_a_shared_secret_is_refused(app: SmartApp) -> None:
    key = OctKey.generate_key(256)
    head = {"alg": "HS256", "typ": "dpop+jwt", "jwk": key.as_dict()}
    claims = {"jti": "1", "htm": "POST", "htu": app.url("token"), "iat": int(time.time())}
    sent = jwt.encode(head, claims, key, algorithms=["HS256"])
    assert error_of(exchange(app, app.approve(), sent)) == "invalid_dpop_proof"


def test_refresh_tokens_of_a_public_client_are_bound_too(app: SmartApp, bound: dict[str, Any]) -> None:
    token, url = bound["refresh_token"], app.url("token")
    form = {"grant_type": "refresh_token", "refresh_token": token}
    assert error_of(app.token(**form)) == "invalid_dpop_proof"
    assert error_of(app.token({"DPoP": proof(url, key=OTHER)}, **form)) == "invalid_dpop_proof"
    assert app.token({"DPoP": proof(url)}, **form).json()["token_type"] == "DPoP"


def test_a_code_can_be_bound_before_it_exists(app: SmartApp) -> None:
    code = app.approve(dpop_jkt=KEY.thumbprint())
    assert error_of(app.exchange(code)) == "invalid_dpop_proof"
    assert error_of(exchange(app, code, proof(app.url("token"), key=OTHER))) == "invalid_dpop_proof"
    assert exchange(app, code, proof(app.url("token"))).status_code == 200


def test_introspection_and_userinfo_know_of_the_key(server: RunningServer, bound: dict[str, Any]) -> None:
    app = register(server, auth_method="client_secret_basic", scope="__introspect")
    body = app.post("introspect", token=bound["access_token"]).json()
    assert body["cnf"] == {"jkt": KEY.thumbprint()}
    assert body["token_type"] == "DPoP"
    token = bound["access_token"]
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof(app.url("userinfo"), "GET", ath=ath(token))}
    assert requests.get(app.url("userinfo"), headers=headers, timeout=10).json()["sub"] == "account-1"


def test_proofs_signed_rs256_are_taken(app: SmartApp) -> None:
    sent = proof(app.url("token"), key=rsa_key(), header={"alg": "RS256"})
    answer = exchange(app, app.approve(), sent)
    assert answer.status_code == 200, answer.text
