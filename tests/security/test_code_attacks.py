"""Codes: used twice, raced for, stolen, guessed, with another verifier. RFC 9700 §2.1, RFC 7636"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from fhir_server.auth.decision import Granted
from fhir_server.auth.grants import authorization_code, refresh_token
from tests.http_client import FhirHttp
from tests.running_server import RunningServer
from tests.smart_app import PATIENT, SmartApp, challenge, error_of, query, register

PARALLEL = 64


@pytest.fixture(scope="module")
def app(server: RunningServer) -> SmartApp:
    return register(server)


def race(ask: object, number: int = PARALLEL) -> list[requests.Response]:
    """Calls a function from many threads at the same moment."""
    barrier = threading.Barrier(number)

    def one(_: int) -> requests.Response:
        barrier.wait()
        return ask()  # type: ignore[operator,no-any-return]

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than five seconds to start 64 requests that were sent at once."""
    monkeypatch.setattr(authorization_code, "PARALLEL_SECONDS", 60)
    monkeypatch.setattr(refresh_token, "PARALLEL_SECONDS", 60)


@pytest.mark.usefixtures("unhurried")
def test_of_64_uses_of_a_code_at_once_one_succeeds_and_its_token_lives(
    server: RunningServer, app: SmartApp
) -> None:
    code = app.approve()
    answers = race(lambda: app.exchange(code))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {error_of(answer) for answer in answers if answer.status_code != 200} == {"invalid_grant"}
    client = FhirHttp(server.base_url, won[0].json()["access_token"])
    assert client.get("Observation").status_code == 200


@pytest.mark.usefixtures("unhurried")
def test_of_64_uses_of_a_refresh_token_at_once_one_succeeds_and_the_family_lives(app: SmartApp) -> None:
    token = app.launch()["refresh_token"]
    answers = race(lambda: app.refresh(token))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {error_of(answer) for answer in answers if answer.status_code != 200} == {"invalid_grant"}
    assert app.refresh(won[0].json()["refresh_token"]).status_code == 200


def test_of_64_decisions_about_one_request_one_makes_a_code(server: RunningServer, app: SmartApp) -> None:
    request_id = app.request_id()
    endpoint = server.app.extensions["fhir_server_authorization"].authorization
    barrier = threading.Barrier(16)

    def decide(_: int) -> int:
        barrier.wait()
        with server.app.test_request_context():
            return int(endpoint.finish(request_id, Granted(PATIENT, ("patient/*.rs",), "p1")).status_code)

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(decide, range(16))) == [303] + [400] * 15


def test_a_code_that_comes_again_later_ends_what_came_of_it(
    server: RunningServer, app: SmartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = app.approve()
    body = app.exchange(code).json()
    monkeypatch.setattr(authorization_code, "PARALLEL_SECONDS", 0)
    time.sleep(0.01)
    assert error_of(app.exchange(code)) == "invalid_grant"
    assert error_of(app.refresh(body["refresh_token"])) == "invalid_grant"
    # Nobody had used the token before, so no worker remembers it.
    assert FhirHttp(server.base_url, body["access_token"]).get("Observation").status_code == 401


def test_a_refresh_token_that_comes_again_later_ends_its_family(
    server: RunningServer, app: SmartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = app.launch()
    second = app.refresh(first["refresh_token"]).json()
    monkeypatch.setattr(refresh_token, "PARALLEL_SECONDS", 0)
    time.sleep(0.01)
    assert error_of(app.refresh(first["refresh_token"])) == "invalid_grant"
    assert error_of(app.refresh(second["refresh_token"])) == "invalid_grant"
    assert FhirHttp(server.base_url, second["access_token"]).get("Observation").status_code == 401


@pytest.mark.usefixtures("unhurried")
def test_a_loser_of_a_race_does_not_end_the_family(app: SmartApp) -> None:
    first = app.launch()
    second = app.refresh(first["refresh_token"]).json()
    assert error_of(app.refresh(first["refresh_token"])) == "invalid_grant"
    assert app.refresh(second["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    "verifier", ["", "x", "x" * 43, "é" * 43, "x" * 200, "$ne", "the challenge"], ids=lambda value: value[:6]
)
def test_a_wrong_verifier_gets_nothing(app: SmartApp, verifier: str) -> None:
    code = app.approve()
    sent = challenge(app.verifier) if verifier == "the challenge" else verifier
    assert error_of(app.exchange(code, code_verifier=sent)) in ("invalid_grant", "invalid_request")
    assert app.exchange(code).status_code == 200  # the thief has not used it up


def test_the_third_wrong_verifier_ends_the_code(app: SmartApp) -> None:
    code = app.approve()
    for _ in range(3):
        assert error_of(app.exchange(code, code_verifier="x" * 43)) == "invalid_grant"
    assert error_of(app.exchange(code)) == "invalid_grant"


def test_a_token_request_without_verifier_is_refused_for_confidential_clients_too(
    server: RunningServer,
) -> None:
    confidential = register(server, auth_method="client_secret_basic")
    form = {"grant_type": "authorization_code", "code": confidential.approve()}
    answer = confidential.token(**form, redirect_uri="https://app.example.org/callback")
    assert error_of(answer) == "invalid_request"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": "x"},
        {"code_challenge": "x" * 44},
        {"code_challenge": "é" * 43},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_no_client_authorizes_without_an_s256_challenge(
    server: RunningServer, method: str, changes: dict[str, str | None]
) -> None:
    answer = register(server, auth_method=method).begin(**changes)
    assert answer.status_code == 303
    assert query(answer.headers["Location"])["error"] == "invalid_request"


def test_a_code_works_for_its_client_and_redirect_uri_only(server: RunningServer, app: SmartApp) -> None:
    code = app.approve()
    thief = register(server)
    thief.verifier = app.verifier
    assert error_of(thief.exchange(code)) == "invalid_grant"
    assert error_of(app.exchange(code, redirect_uri="https://app.example.org/other")) == "invalid_grant"
    assert error_of(app.exchange(code, redirect_uri="")) in ("invalid_grant", "invalid_request")
    assert app.exchange(code).status_code == 200


def test_a_refresh_token_works_for_its_client_only(server: RunningServer, app: SmartApp) -> None:
    token = app.launch()["refresh_token"]
    assert error_of(register(server).refresh(token)) == "invalid_grant"
    assert app.refresh(token).status_code == 200


@pytest.mark.parametrize("code", ["x", "x" * 43, "$ne", '{"$gt": ""}', "é", "x" * 9000, " "])
def test_what_is_no_code_or_token_gets_nothing(app: SmartApp, code: str) -> None:
    assert error_of(app.exchange(code)) == "invalid_grant"
    assert error_of(app.refresh(code)) == "invalid_grant"


def test_kinds_of_tokens_do_not_stand_for_one_another(server: RunningServer, app: SmartApp) -> None:
    body = app.launch()
    assert error_of(app.refresh(body["access_token"])) == "invalid_grant"
    assert error_of(app.exchange(body["refresh_token"])) == "invalid_grant"
    for other in (body["refresh_token"], body["id_token"]):
        assert FhirHttp(server.base_url, other).get("Observation").status_code == 401


def test_a_code_of_a_minute_ago_is_too_old(server: RunningServer, app: SmartApp) -> None:
    code = app.approve()
    rows = server.inside.mongo.collection("oauth_codes")
    found = server.inside.oauth.codes.find(code, app.client_id)
    assert found is not None
    assert 0 < (found.expires_at.timestamp() - time.time()) <= 60
    rows.update_one({"_id": found.digest}, {"$set": {"expires_at": found.expires_at.replace(year=2020)}})
    assert error_of(app.exchange(code)) == "invalid_grant"


def test_codes_and_tokens_are_kept_as_hashes_only(server: RunningServer, app: SmartApp) -> None:
    request_id = app.request_id()
    code = app.finish(request_id, Granted(PATIENT, ("patient/*.rs", "offline_access"), "p1"))["code"]
    body = app.exchange(code).json()
    database = server.inside.mongo.database
    stored = str(
        [list(database[name].find()) for name in database.list_collection_names() if "oauth" in name]
    )
    for secret in (request_id, code, body["access_token"], body["refresh_token"], app.verifier):
        assert secret not in stored
