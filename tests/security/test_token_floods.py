"""Floods of token requests are slowed down, and do not fill the audit trail. RFC 6585 §4"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import requests

from fhir_server.auth.install import EXTENSION
from fhir_server.auth.limits import claimed_client, is_told
from fhir_server.auth.parameters import SmartRequest
from fhir_server.storage.attempts import Attempts
from tests.running_server import RunningServer, run_server
from tests.smart_app import REDIRECT, SmartApp, error_of, register, register_system, rsa_key, system_token

LIMIT = 12
_MINUTES = count(30_000_000)


@pytest.fixture(scope="module")
def running(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """A server of a few requests a minute."""
    with run_server(mongodb_uri, database_name, CLIENT_REQUESTS_PER_MINUTE=str(LIMIT)) as running:
        yield running


@pytest.fixture
def server(running: RunningServer) -> RunningServer:
    """The same in a new minute, of which 15 seconds are past and that does not end."""
    minute = next(_MINUTES)
    running.app.extensions[EXTENSION].server.limits.clock = lambda: minute * 60 + 15.5
    return running


def guess(app: SmartApp, **form: str) -> requests.Response:
    """Tries a code that was never issued."""
    fields = {"redirect_uri": REDIRECT, "code_verifier": app.verifier, **form}
    return app.token(grant_type="authorization_code", code=secrets.token_hex(8), **fields)


def refusals(server: RunningServer, client_id: str) -> list[str]:
    """What the audit trail says of refused requests of a client."""
    return [
        event["outcomeDesc"]
        for event in _events(server)
        if event["agent"][0]["who"].get("identifier", {}).get("value") == client_id
    ]


def _events(server: RunningServer) -> list[dict[str, Any]]:
    bundle = server.client().get("AuditEvent?subtype=ITI-71&outcome=4&_count=200&_sort=date").json()
    return [entry["resource"] for entry in bundle.get("entry", [])]


def test_after_its_budget_a_client_waits_for_the_next_minute(server: RunningServer) -> None:
    app, other = register(server), register(server)
    for _ in range(LIMIT):
        assert error_of(guess(app)) == "invalid_grant"
    refused = guess(app)
    assert error_of(refused, 429) == "temporarily_unavailable"
    assert refused.headers["Retry-After"] == "45"
    assert error_of(guess(other)) == "invalid_grant"
    limits = server.app.extensions[EXTENSION].server.limits
    now = limits.clock()
    limits.clock = lambda: now + 60
    assert error_of(guess(app)) == "invalid_grant"


def test_pushed_requests_have_a_budget_of_their_own(server: RunningServer) -> None:
    app = register(server)
    for _ in range(LIMIT):
        assert error_of(app.post("par", scope="openid")) == "invalid_request"
    refused = app.post("par", scope="openid")
    assert error_of(refused, 429) == "temporarily_unavailable"
    assert refused.headers["Retry-After"] == "45"
    assert error_of(guess(app)) == "invalid_grant"


def test_registration_has_a_budget_for_each_network(server: RunningServer) -> None:
    address = f"{server.inside.settings.issuer_url}/register"
    for _ in range(LIMIT):
        assert requests.post(address, json={}, timeout=30).status_code == 400
    refused = requests.post(address, json={}, timeout=30)
    assert error_of(refused, 429) == "temporarily_unavailable"
    assert refused.headers["Retry-After"] == "45"


def test_new_names_are_no_new_budget(server: RunningServer) -> None:
    for _ in range(LIMIT):
        assert error_of(guess(SmartApp(server, secrets.token_hex(8))), 401) == "invalid_client"
    assert error_of(guess(SmartApp(server, secrets.token_hex(8))), 429) == "temporarily_unavailable"


def test_parallel_requests_are_all_counted(server: RunningServer) -> None:
    app = register(server)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: guess(app).status_code, range(LIMIT + 20)))
    assert (answers.count(400), answers.count(429)) == (LIMIT, 20)


def test_refusals_are_told_the_first_tenth_and_hundredth_time(server: RunningServer) -> None:
    app = register(server)
    for _ in range(LIMIT + 12):
        guess(app)
    assert refusals(server, app.client_id) == [
        "invalid_grant",
        "invalid_grant, 10 times within a minute",
        "temporarily_unavailable",
        "temporarily_unavailable, 10 times within a minute",
    ]


def test_a_wrong_proof_and_a_scope_beyond_the_client_are_told(server: RunningServer) -> None:
    system = register_system(server, rsa_key(), scope="system/Patient.rs")
    assert error_of(system_token(system, rsa_key("rsa-other"), "RS384"), 401) == "invalid_client"
    assert error_of(system_token(system, rsa_key(), "RS384", "system/Observation.rs")) == "invalid_scope"
    assert refusals(server, system.client_id) == ["invalid_client", "invalid_scope"]


def test_the_trail_holds_no_secret_and_no_name_that_nobody_registered(server: RunningServer) -> None:
    confidential = register(server, auth_method="client_secret_basic")
    code = secrets.token_hex(8)
    wrong = SmartApp(server, confidential.client_id, "wrong-secret-of-a-client")
    assert error_of(guess(wrong, code_verifier="v" * 64), 401) == "invalid_client"
    stranger = SmartApp(server, f"<script>{code}")
    assert error_of(guess(stranger), 401) == "invalid_client"
    events = str(_events(server))
    assert refusals(server, confidential.client_id) == ["invalid_client"]
    for secret in ("wrong-secret", "v" * 64, code, "script"):
        assert secret not in events


def test_a_malformed_request_is_not_told(server: RunningServer) -> None:
    app = register(server)
    assert error_of(app.token(grant_type="authorization_code")) == "invalid_request"
    assert refusals(server, app.client_id) == []


def request(form: dict[str, str], **headers: str) -> SmartRequest:
    return SmartRequest("POST", "https://here/token", headers, form)


def assertion(payload: bytes) -> str:
    return f"e30.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.x"


def basic(user: str) -> str:
    return f"Basic {base64.b64encode(user.encode()).decode()}"


@pytest.mark.parametrize(
    ("form", "headers", "expected"),
    [
        ({"client_id": "a"}, {}, "a"),
        ({"client_id": "a"}, {"Authorization": basic("b:secret")}, "b"),
        ({"client_assertion": assertion(b'{"sub":"c"}')}, {}, "c"),
        ({"client_assertion": assertion(json.dumps({"sub": "é?>"}).encode())}, {}, "é?>"),
        ({"client_assertion": assertion(b'{"sub":["c"]}')}, {}, ""),
        ({"client_assertion": assertion(b"[" * 5000)}, {}, ""),
        ({"client_assertion": assertion(b"\xff")}, {}, ""),
        ({"client_assertion": "a.b"}, {}, ""),
        ({"client_assertion": "é.é.é"}, {}, ""),
        ({}, {"Authorization": "Basic é"}, ""),
        ({}, {}, ""),
    ],
)
def test_the_named_client_is_read_from_anything(
    form: dict[str, str], headers: dict[str, str], expected: str
) -> None:
    assert claimed_client(request(form, **headers)) == expected


def test_counts_of_which_the_trail_is_told_are_powers_of_ten() -> None:
    assert [n for n in range(20_000) if is_told(n)] == [1, 10, 100, 1000, 10_000]


def test_a_counter_counts_each_once_whoever_counts_at_the_same_time(running: RunningServer) -> None:
    attempts = Attempts(running.inside.documents)
    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda _: attempts.count("all at once", timedelta(minutes=1)), range(64)))
    assert sorted(seen) == list(range(1, 65))
