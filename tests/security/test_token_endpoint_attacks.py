"""The endpoints that take forms: smuggled, doubled, oversized, with wrong credentials. RFC 6749 §3.2, §5.2"""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from tests.running_server import RunningServer
from tests.smart_app import REDIRECT, SmartApp, error_of, register

ENDPOINTS = ("token", "revoke", "introspect", "par")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def app(server: RunningServer) -> SmartApp:
    return register(server)


@pytest.fixture(scope="module")
def confidential(server: RunningServer) -> SmartApp:
    return register(server, auth_method="client_secret_basic")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("query", ["grant_type=authorization_code", "client_id=x", "code=x", "x", "token=x"])
def test_parameters_in_the_url_are_refused(confidential: SmartApp, endpoint: str, query: str) -> None:
    answer = confidential.post(f"{endpoint}?{query}", token="x")
    assert error_of(answer) == "invalid_request"


def test_a_good_exchange_with_one_parameter_in_the_url_is_refused(app: SmartApp) -> None:
    code = app.approve()
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code_verifier": app.verifier}
    assert error_of(app.post(f"token?code={code}", **form)) == "invalid_request"
    assert app.exchange(code).status_code == 200


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_post_is_answered(app: SmartApp, endpoint: str, method: str) -> None:
    assert requests.request(method, app.url(endpoint), timeout=10).status_code == 405


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b'{"grant_type": "refresh_token"}', "application/json"),
        (b"grant_type=refresh_token", "text/plain"),
        (b"grant_type=refresh_token", ""),
        (
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        (b"", "application/x-www-form-urlencoded"),
        (b"&&&==&", "application/x-www-form-urlencoded"),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b"grant_type=%00", "application/x-www-form-urlencoded"),
        (b"grant_type=%ff%fe", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"&".join(b"a%d=b" % i for i in range(2000)), "application/x-www-form-urlencoded"),
        (b"grant_type=refresh_token&grant_type=refresh_token", "application/x-www-form-urlencoded"),
        (b"grant_type=&grant_type=refresh_token", "application/x-www-form-urlencoded"),
        (b"grant_type[]=refresh_token", "application/x-www-form-urlencoded"),
        (b"grant_type[$ne]=x&client_id[$gt]=", "application/x-www-form-urlencoded"),
    ],
    ids=range(15),
)
def test_a_body_that_is_no_proper_form_is_refused(
    app: SmartApp, endpoint: str, body: bytes, content_type: str
) -> None:
    answer = requests.post(app.url(endpoint), data=body, headers={"Content-Type": content_type}, timeout=10)
    assert answer.status_code in (400, 401), answer.text
    assert error_of(answer, answer.status_code) in (
        "invalid_request",
        "invalid_client",
        "unsupported_grant_type",
    )


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, "authorize"])
@pytest.mark.parametrize("size", [70_000, 5_000_000])
def test_a_body_that_is_too_large_is_refused(app: SmartApp, endpoint: str, size: int) -> None:
    answer = requests.post(app.url(endpoint), data=b"a=" + b"x" * size, headers=FORM, timeout=30)
    assert answer.status_code in (400, 413)


def test_a_parameter_that_comes_twice_is_refused_even_with_the_same_value(app: SmartApp) -> None:
    code = app.approve()
    form: Any = [
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", app.verifier),
    ]
    for name, value in form:
        answer = requests.post(app.url("token"), data=[*form, (name, value)], timeout=10)
        assert error_of(answer) == "invalid_request"
    assert requests.post(app.url("token"), data=form, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("grant_type", "error"),
    [
        ("", "invalid_request"),
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", "unsupported_grant_type"),
        ("é'\"\\", "unsupported_grant_type"),
        ("x" * 10_000, "unsupported_grant_type"),
    ],
    ids=range(6),
)
def test_grants_that_are_not_offered_are_named_so(app: SmartApp, grant_type: str, error: str) -> None:
    assert error_of(app.token(grant_type=grant_type, username="a", password="b")) == error


def test_a_client_uses_only_the_grants_it_is_registered_for(server: RunningServer) -> None:
    only_code = register(server, grant_types=["authorization_code"])
    body = only_code.launch()
    assert "refresh_token" not in body
    assert error_of(only_code.refresh("x")) == "unauthorized_client"
    only_refresh = register(server, grant_types=["refresh_token"])
    assert error_of(only_refresh.exchange("x")) == "unauthorized_client"


def basic(user: str | bytes, password: str | bytes = "") -> str:
    pair = b":".join(p if isinstance(p, bytes) else p.encode() for p in (user, password))
    return "Basic " + base64.b64encode(pair).decode()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_wrong_credentials_are_refused_the_same_way(confidential: SmartApp, endpoint: str) -> None:
    known = confidential.client_id
    headers = [
        basic(known, "wrong"),
        basic(known, ""),
        basic("unknown", "x"),
        basic(known, confidential.secret + "x"),
        basic(known, confidential.secret[:-1]),
        basic(b"\xff\xfe", b"\xff"),
        basic(known, "$ne"),
        basic("", ""),
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + "x" * 5000,
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Negotiate x",
        "Bearer x",
        "é",
    ]
    for header in headers:
        answer = requests.post(
            confidential.url(endpoint),
            data={"token": "x", "grant_type": "authorization_code", "code": "x"},
            headers={"Authorization": header.encode("latin-1")},
            timeout=10,
        )
        assert error_of(answer, 401) == "invalid_client", header
        assert answer.headers["WWW-Authenticate"].startswith(("Basic", "Bearer")), header


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_confidential_client_does_not_pass_as_a_public_one(confidential: SmartApp, endpoint: str) -> None:
    answer = requests.post(
        confidential.url(endpoint),
        data={
            "client_id": confidential.client_id,
            "grant_type": "authorization_code",
            "code": "x",
            "token": "x",
        },
        timeout=10,
    )
    assert error_of(answer, 401) == "invalid_client"
    # No header that makes a browser ask for a password.
    assert "WWW-Authenticate" not in answer.headers


def test_a_public_client_does_not_pass_with_a_secret(app: SmartApp) -> None:
    guess = SmartApp(app.server, app.client_id, secret="x")
    assert error_of(guess.refresh("x"), 401) == "invalid_client"


def test_a_secret_in_the_body_is_refused(confidential: SmartApp) -> None:
    answer = requests.post(
        confidential.url("token"),
        data={
            "grant_type": "refresh_token",
            "refresh_token": "x",
            "client_id": confidential.client_id,
            "client_secret": confidential.secret,
        },
        timeout=10,
    )
    assert error_of(answer, 401) == "invalid_client"


def test_two_ways_of_authentication_at_once_are_refused(confidential: SmartApp) -> None:
    answer = confidential.token(grant_type="refresh_token", refresh_token="x", client_assertion="x")
    assert error_of(answer) == "invalid_request"
    other = confidential.token(grant_type="refresh_token", refresh_token="x", client_id="another")
    assert error_of(other, 401) == "invalid_client"


def test_a_disabled_client_is_out_at_once(server: RunningServer) -> None:
    app = register(server)
    code, refresh_token = app.approve(), app.launch()["refresh_token"]
    server.inside.oauth.clients.change(app.client_id, {"status": "disabled"})
    assert error_of(app.exchange(code), 401) == "invalid_client"
    assert error_of(app.refresh(refresh_token), 401) == "invalid_client"


def test_a_rotated_secret_overlaps_as_long_as_it_was_told(server: RunningServer) -> None:
    app = register(server, auth_method="client_secret_basic")
    clients = server.inside.oauth.clients
    new = SmartApp(server, app.client_id, secret=clients.new_secret(app.client_id, overlap=60) or "")
    assert error_of(app.refresh("x")) == error_of(new.refresh("x")) == "invalid_grant"
    clients.new_secret(app.client_id)
    assert error_of(app.refresh("x"), 401) == error_of(new.refresh("x"), 401) == "invalid_client"
