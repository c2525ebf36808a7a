"""Pushed requests, and the profile of professional software: keys, pushes, DPoP. RFC 9126, RFC 9449"""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.records import open_record
from tests.running_server import RunningServer
from tests.security.test_code_attacks import race
from tests.security.test_dpop import KEY, ath, proof
from tests.smart_app import (
    ASSERTION_TYPE,
    DOCTOR,
    REDIRECT,
    SmartApp,
    error_of,
    public_jwks,
    query,
    register,
    rsa_key,
)


@pytest.fixture(scope="module")
def app(server: RunningServer) -> SmartApp:
    """Professional software."""
    return register(
        server, profile="high-assurance", auth_method="private_key_jwt", jwks=public_jwks(rsa_key())
    )


def signed(app: SmartApp, **claims: Any) -> dict[str, str]:
    return {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": app.assertion(rsa_key(), "RS384", **claims),
    }


def push(app: SmartApp, dpop: str | None = None, **changes: str | None) -> requests.Response:
    form = {**app.parameters(**changes), **signed(app)}
    return app.post("par", {"DPoP": dpop or proof(app.url("par"))}, **form)


def bring(app: SmartApp, request_uri: str, **more: str) -> requests.Response:
    parameters = {"client_id": app.client_id, "request_uri": request_uri, **more}
    return requests.get(app.url("authorize"), params=parameters, allow_redirects=False, timeout=10)


def approve(app: SmartApp) -> str:
    pushed = push(app)
    assert pushed.status_code == 201, pushed.text
    answer = bring(app, pushed.json()["request_uri"])
    request_id = query(answer.headers["Location"])["request"]
    from fhir_server.auth.decision import Granted

    return app.finish(request_id, Granted(DOCTOR, ("patient/*.rs", "offline_access"), "p1"))["code"]


def exchange(app: SmartApp, code: str, dpop: str) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": app.verifier,
    }
    return app.token({"DPoP": dpop}, **form, **signed(app))


def test_professional_software_pushes_proves_and_reads(server: RunningServer, app: SmartApp) -> None:
    open_record(server.client(), "p1", authorisation=[DOCTOR.fhir_user])
    body = exchange(app, approve(app), proof(app.url("token"))).json()
    assert body["token_type"] == "DPoP"
    url = f"{server.base_url}/Observation"
    headers = {
        "Authorization": f"DPoP {body['access_token']}",
        "DPoP": proof(url, "GET", ath=ath(body["access_token"])),
    }
    assert requests.get(url, headers=headers, timeout=10).status_code == 200
    form = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    again = app.token({"DPoP": proof(app.url("token"))}, **form, **signed(app))
    assert again.json()["token_type"] == "DPoP"


def test_it_does_not_come_by_with_less(app: SmartApp) -> None:
    assert app.begin().status_code == 400
    assert error_of(app.post("par", **{**app.parameters(), **signed(app)})) == "invalid_dpop_proof"
    code = approve(app)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": app.verifier,
    }
    assert error_of(app.token(**form, **signed(app))) == "invalid_dpop_proof"
    assert error_of(app.token({"DPoP": proof(app.url("token"))}, **form), 401) == "invalid_client"
    assert exchange(app, code, proof(app.url("token"))).status_code == 200


def test_a_code_is_bound_to_the_key_of_the_pushed_request(app: SmartApp) -> None:
    from tests.security.test_dpop import OTHER

    code = approve(app)
    assert error_of(exchange(app, code, proof(app.url("token"), key=OTHER))) == "invalid_dpop_proof"


def test_a_client_with_a_secret_is_never_of_the_profile(server: RunningServer) -> None:
    weak = register(server, profile="high-assurance", auth_method="client_secret_basic")
    assert error_of(weak.post("par", **weak.parameters()), 401) == "invalid_client"


@pytest.fixture(scope="module")
def plain(server: RunningServer) -> SmartApp:
    return register(server)


def test_any_app_may_push(plain: SmartApp) -> None:
    pushed = plain.post("par", **plain.parameters()).json()
    assert 0 < pushed["expires_in"] <= 90
    answer = bring(
        plain, pushed["request_uri"], scope="patient/*.cruds", redirect_uri="https://evil.example/"
    )
    row = plain.server.inside.oauth.requests.find(query(answer.headers["Location"])["request"])
    assert row is not None
    assert row.redirect_uri == REDIRECT
    assert "patient/*.cruds" not in row.scopes


def test_a_pushed_request_is_brought_once_and_by_its_client(server: RunningServer, plain: SmartApp) -> None:
    uri = plain.post("par", **plain.parameters()).json()["request_uri"]
    thief = register(server)
    assert bring(thief, uri).status_code == 400
    answers = race(lambda: bring(plain, uri), 16)
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 15


@pytest.mark.parametrize(
    "uri", ["x", "urn:ietf:params:oauth:request_uri:x", "https://evil.example/request.jwt", "é", "x" * 9000]
)
def test_a_request_uri_that_nobody_pushed_is_refused(plain: SmartApp, uri: str) -> None:
    assert bring(plain, uri).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"request_uri": "urn:x"}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "https://evil.example/"}, "invalid_request"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"client_id": "other"}, "invalid_client"),
    ],
    ids=str,
)
def test_a_mistake_is_told_when_it_is_pushed(
    plain: SmartApp, changes: dict[str, str | None], error: str
) -> None:
    answer = plain.post("par", **plain.parameters(**changes))
    assert error_of(answer, 401 if error == "invalid_client" else 400) == error


def test_a_dpop_jkt_that_is_not_the_proven_key_is_refused(plain: SmartApp) -> None:
    form = plain.parameters(dpop_jkt="x" * 43)
    answer = plain.post("par", {"DPoP": proof(plain.url("par"), key=KEY)}, **form)
    assert error_of(answer) == "invalid_dpop_proof"
