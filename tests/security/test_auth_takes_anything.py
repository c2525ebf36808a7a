"""No input to the authorization server makes an error of ours; AUTH_EXAMPLES=20000 asks more. RFC 6749"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.running_server import RunningServer, run_server
from tests.smart_app import ASSERTION_TYPE, REDIRECT, register, register_system, rsa_key

EXAMPLES = int(os.environ.get("AUTH_EXAMPLES", "150"))
PATHS = ("authorize", "token", "revoke", "introspect", "par", "register", "launch", "userinfo", "register/x")
NAMES = (
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "code",
    "code_verifier",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "refresh_token",
    "response_type",
    "scope",
    "state",
    "aud",
    "launch",
    "token",
    "request",
    "request_uri",
    "nonce",
    "prompt",
    "max_age",
    "dpop_jkt",
)
VALUES: Any = st.one_of(
    st.sampled_from(
        [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "code",
            "S256",
            "plain",
            "none",
            "public",
            "system",
            REDIRECT,
            ASSERTION_TYPE,
            "x" * 43,
            "openid patient/*.rs",
            "launch",
            "urn:ietf:params:oauth:request_uri:x",
            '{"$gt": ""}',
        ]
    ),
    st.text(max_size=40),
    st.text("\0\r\n\"\\'<>&=%é😀\ud800", max_size=10),
)
HEADERS = st.dictionaries(
    st.sampled_from(["Authorization", "DPoP", "Origin", "Content-Type", "Accept", "Cookie"]),
    st.one_of(
        st.sampled_from(
            ["Bearer x", "Basic eDp5", "Basic /w==", "DPoP x", "application/json", "a.b.c", "e30.e30."]
        ),
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=30),
    ),
    max_size=3,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=15), inner, max_size=4),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """A server that takes as many requests of a client as these tests make."""
    with run_server(mongodb_uri, database_name, CLIENT_REQUESTS_PER_MINUTE="100000") as running:
        yield running


@pytest.fixture(scope="module")
def http(server: RunningServer) -> FlaskClient:
    register(server, client_id="public")
    register_system(server, client_id="system")
    return server.app.test_client()


def prefix(path: str) -> str:
    return f"/auth/{path}"


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from(PATHS),
    method=st.sampled_from(["GET", "POST", "POST", "PUT", "DELETE"]),
    form=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=10),
    in_url=st.booleans(),
    headers=HEADERS,
)
def test_forms_and_headers_of_any_kind_are_answered(
    http: FlaskClient, path: str, method: str, form: Any, in_url: bool, headers: dict[str, str]
) -> None:
    pairs = [(name, value.encode("utf-8", "replace").decode()) for name, value in form]
    from urllib.parse import urlencode

    text = urlencode(pairs)
    options: dict[str, Any] = {"query_string": text} if in_url or method == "GET" else {"data": text}
    sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    answer = http.open(prefix(path), method=method, headers=sent, **options)
    assert answer.status_code < 500, answer.data
    assert "access_token" not in answer.text
    location = answer.headers.get("Location", "")
    assert not location or location.startswith((f"{REDIRECT}?", "http://127.0.0.1:"))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from(["register", "launch", "register/x"]), body=st.one_of(JSON, st.binary(max_size=60))
)
def test_json_of_any_kind_is_answered(server: RunningServer, http: FlaskClient, path: str, body: Any) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "replace")
    headers = {"Content-Type": "application/json"}
    for method in ("POST", "PUT"):
        answer = http.open(prefix(path), method=method, data=raw, headers=headers)
        assert answer.status_code < 500, answer.data


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(claims=st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "x"]), JSON))
def test_assertions_with_claims_of_any_kind_are_answered(
    server: RunningServer, http: FlaskClient, claims: dict[str, Any]
) -> None:
    from joserfc import jws

    good = {"iss": "system", "sub": "system", "aud": f"{server.inside.settings.issuer_url}/token"}
    payload = json.dumps({**good, **claims}).encode("utf-8", "replace")
    header = {"alg": "RS384", "kid": "rsa-1"}
    assertion = jws.serialize_compact(header, payload, rsa_key(), algorithms=["RS384"])
    form = {
        "grant_type": "client_credentials",
        "scope": "system/*.rs",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    answer = http.post(prefix("token"), data=form)
    assert answer.status_code in (200, 401), answer.data
    if answer.status_code == 200:
        assert isinstance(claims["exp"], int | float)
        assert isinstance(claims["jti"], str)
