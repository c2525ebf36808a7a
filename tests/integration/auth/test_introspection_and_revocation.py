"""What a token is worth, and its end. RFC 7662, RFC 7009, RFC 9700 §4.14"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.http_client import FhirHttp
from tests.running_server import RunningServer, run_server
from tests.smart_app import (
    DOCTOR,
    PATIENT,
    SmartApp,
    error_of,
    register,
    register_system,
    rsa_key,
    system_token,
)


@pytest.fixture(scope="module")
def app(server: RunningServer) -> SmartApp:
    return register(server, auth_method="client_secret_basic")


@pytest.fixture(scope="module")
def resource_server(server: RunningServer) -> str:
    """A token that may introspect all others."""
    system = register_system(server, scope="__introspect")
    return str(system_token(system, rsa_key(), "RS384", scope="__introspect").json()["access_token"])


def introspect(app: SmartApp, bearer: str, token: str) -> Any:
    headers = {"Authorization": f"Bearer {bearer}"}
    return requests.post(app.url("introspect"), data={"token": token}, headers=headers, timeout=10)


def test_an_active_token_is_described_with_its_context(app: SmartApp, resource_server: str) -> None:
    body = app.launch()
    answer = introspect(app, resource_server, body["access_token"])
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json()
    assert found["active"] is True
    assert set(found["scope"].split()) == set(body["scope"].split())
    assert found["client_id"] == app.client_id
    assert found["patient"] == body["patient"]
    assert 0 < found["exp"] - time.time() <= 900
    assert found["sub"] == PATIENT.account_id
    assert found["fhirUser"].endswith("/Patient/p1")
    assert found["iss"] == app.server.inside.settings.issuer_url


def test_a_confidential_client_sees_its_own_tokens_only(server: RunningServer, app: SmartApp) -> None:
    token = app.launch()["access_token"]
    assert app.post("introspect", token=token).json()["active"] is True
    other = register(server, auth_method="client_secret_basic")
    assert other.post("introspect", token=token).json() == {"active": False}
    allowed = register(server, auth_method="client_secret_basic", scope="__introspect")
    assert allowed.post("introspect", token=token).json()["active"] is True


@pytest.mark.parametrize("token", ["x", "x" * 43, "$ne", '{"$gt":""}', "é" * 100, "x" * 9000])
def test_what_is_no_token_is_inactive_and_nothing_else(
    app: SmartApp, resource_server: str, token: str
) -> None:
    answer = introspect(app, resource_server, token)
    assert answer.status_code == 200
    assert answer.json() == {"active": False}


def test_who_may_not_introspect_is_told_so(server: RunningServer, app: SmartApp) -> None:
    body = app.launch()
    assert error_of(introspect(app, "x", "x"), 401) == "invalid_client"
    assert error_of(introspect(app, body["access_token"], "x"), 403) == "insufficient_scope"
    assert error_of(register(server).post("introspect", token="x"), 401) == "invalid_client"
    assert error_of(app.post("introspect")) == "invalid_request"


def test_an_access_token_is_revoked_alone(server: RunningServer, app: SmartApp) -> None:
    body = app.launch()
    assert app.post("revoke", token=body["access_token"], token_type_hint="access_token").status_code == 200
    assert FhirHttp(server.base_url, body["access_token"]).get("Observation").status_code == 401
    assert app.post("introspect", token=body["access_token"]).json() == {"active": False}
    assert app.refresh(body["refresh_token"]).status_code == 200


def test_a_refresh_token_is_revoked_with_all_that_came_of_it(server: RunningServer, app: SmartApp) -> None:
    body = app.launch()
    assert app.post("revoke", token=body["refresh_token"], token_type_hint="nonsense").status_code == 200
    assert error_of(app.refresh(body["refresh_token"])) == "invalid_grant"
    assert FhirHttp(server.base_url, body["access_token"]).get("Observation").status_code == 401


def test_revoking_what_is_unknown_or_of_another_says_nothing_and_does_nothing(
    server: RunningServer, app: SmartApp
) -> None:
    body = app.launch()
    thief = register(server)
    for token in ("x", "$ne", "é", body["access_token"], body["refresh_token"]):
        answer = thief.post("revoke", token=token)
        assert (answer.status_code, answer.json()) == (200, {})
    assert app.post("introspect", token=body["access_token"]).json()["active"] is True
    assert app.refresh(body["refresh_token"]).status_code == 200
    assert error_of(thief.post("revoke")) == "invalid_request"


@pytest.fixture(scope="module")
def quick(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """Another worker of the same server, with a cache of a second."""
    with run_server(mongodb_uri, database_name, TOKEN_CACHE_SECONDS="1") as running:
        yield running


@pytest.mark.parametrize("what", ["grant", "client"])
def test_a_revocation_reaches_every_worker_within_the_cache_time(
    server: RunningServer, quick: RunningServer, what: str
) -> None:
    app = register(quick)
    body = app.launch()
    client = FhirHttp(quick.base_url, body["access_token"])
    assert client.get("Observation").status_code == 200
    stores = server.inside.oauth  # the other worker decides
    if what == "grant":
        grant = stores.grants.of_account(PATIENT.account_id)[0]
        assert stores.grants.revoke(str(grant.grant_id), "the patient")
    else:
        stores.clients.change(app.client_id, {"status": "disabled"})
    until = time.monotonic() + 1.3
    while time.monotonic() < until and client.get("Observation").status_code == 200:
        time.sleep(0.05)
    assert client.get("Observation").status_code == 401
    assert app.refresh(body["refresh_token"]).status_code in (400, 401)


def test_a_revoked_grant_ends_codes_that_are_on_their_way(server: RunningServer) -> None:
    app = register(server)
    code = app.approve()
    for grant in server.inside.oauth.grants.of_account(PATIENT.account_id):
        server.inside.oauth.grants.revoke(str(grant.grant_id), "the patient")
    assert error_of(app.exchange(code)) == "invalid_grant"


def test_a_new_decision_after_a_revocation_is_a_new_grant(server: RunningServer) -> None:
    app = register(server)
    old = app.launch()
    grants = server.inside.oauth.grants
    grants.revoke(str(grants.of_account(PATIENT.account_id)[0].grant_id), "the patient")
    new = app.launch()
    assert FhirHttp(server.base_url, old["access_token"]).get("Observation").status_code == 401
    assert FhirHttp(server.base_url, new["access_token"]).get("Observation").status_code == 200


def test_online_access_lasts_as_long_as_the_session(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = register(server)
    authorization_server = server.app.extensions["fhir_server_authorization"].server
    alive = {DOCTOR.session_id}
    monkeypatch.setattr(authorization_server, "is_session_alive", alive.__contains__)
    scope = "launch/patient patient/*.rs online_access"
    first = app.launch(DOCTOR, patient="p1", scope=scope)
    second = app.refresh(first["refresh_token"]).json()
    alive.clear()
    assert error_of(app.refresh(second["refresh_token"])) == "invalid_grant"
    alive.add(DOCTOR.session_id)
    assert app.refresh(second["refresh_token"]).status_code == 200
    assert server.inside.oauth.families.end_session(DOCTOR.session_id) >= 1
    offline = app.launch(DOCTOR, patient="p1", scope=scope.replace("online", "offline"))
    alive.clear()
    assert app.refresh(offline["refresh_token"]).status_code == 200


def test_nothing_is_refreshed_past_the_end_of_the_family(server: RunningServer) -> None:
    app = register(server)
    token = app.launch()["refresh_token"]
    families = server.inside.oauth.families
    row = families.find_refresh_token(token)
    assert row is not None
    assert 89 * 86_400 < row.expires_at.timestamp() - time.time() <= 90 * 86_400
    next_token = app.refresh(token).json()["refresh_token"]
    following = families.find_refresh_token(next_token)
    assert following is not None
    assert following.expires_at == row.expires_at  # absolute: refreshing does not prolong
    past = {"$set": {"expires_at": row.expires_at.replace(year=2020)}}
    server.inside.mongo.collection("oauth_refresh_tokens").update_one({"_id": following.digest}, past)
    assert error_of(app.refresh(next_token)) == "invalid_grant"
