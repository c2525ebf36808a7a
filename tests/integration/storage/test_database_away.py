"""Without its database the server says so, quickly, in FHIR, and shows nothing. RFC 9110 §15.6.4"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_server.storage.embedded import EmbeddedMongo
from tests.examples import entry, patient, problem, transaction
from tests.http_client import FhirHttp
from tests.running_server import RunningServer, run_server

WAIT_MS = 700


@pytest.fixture(scope="module")
def lonely() -> Iterator[RunningServer]:
    """A server whose database answers nowhere."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with run_server(f"mongodb://127.0.0.1:{port}/", "nowhere", DATABASE_WAIT_MS=str(WAIT_MS)) as running:
        yield running


@pytest.mark.parametrize(("method", "path"), [("GET", "Patient/1"), ("DELETE", "Patient?active=true")])
def test_503_says_when_to_try_again(lonely: RunningServer, method: str, path: str) -> None:
    answer = FhirHttp(lonely.base_url, "any-token").request(method, path)
    assert problem(answer, 503)["code"] == "transient"
    assert int(answer.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in answer.text
    assert answer.elapsed.total_seconds() < 1.9 * WAIT_MS / 1000


def test_a_known_caller_gets_503_from_each_interaction(
    lonely: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = lonely.inside.system_context()
    monkeypatch.setattr(lonely.inside.authenticator, "authenticate", lambda *args: context)
    client = FhirHttp(lonely.base_url, "t")
    monkeypatch.setattr(lonely.inside.mongo, "_client", None)
    for ask in (
        lambda: client.get("Patient/1"),
        lambda: client.post("Patient", patient()),
        lambda: client.post("", transaction()),
    ):
        answer = ask()
        assert problem(answer, 503)["code"] == "transient"
        assert int(answer.headers["Retry-After"]) > 0


def test_health_tells_the_machine(lonely: RunningServer) -> None:
    origin = lonely.base_url.removesuffix("/fhir")
    anonymous = lonely.anonymous()
    assert anonymous.get(f"{origin}/health/live").status_code == 200
    ready = anonymous.get(f"{origin}/health/ready")
    assert ready.status_code == 503
    assert "127.0.0.1" not in ready.text


def test_the_capabilities_need_no_database(lonely: RunningServer) -> None:
    assert lonely.anonymous().get("metadata").status_code == 200


def test_a_database_that_goes_away_is_waited_for_once(tmp_path: Path) -> None:
    with (
        EmbeddedMongo(tmp_path, cache_gb=0.25) as mongo,
        run_server(mongo.uri, "leaving", DATABASE_WAIT_MS=str(WAIT_MS), TOKEN_CACHE_SECONDS="300") as running,
    ):
        client = running.client()
        stored = client.post("Patient", patient()).json()
        path = f"Patient/{stored['id']}"
        asks = {
            "read": lambda: client.get(path),
            "search": lambda: client.get("Patient?_count=1"),
            "create": lambda: client.post("Patient", patient()),
            "update": lambda: client.put(path, stored),
            "delete": lambda: client.delete(path),
            "transaction": lambda: client.post("", transaction(entry("POST", "Patient", patient()))),
            "history": lambda: client.get(f"{path}/_history"),
        }
        assert [ask().status_code for ask in asks.values()] == [200, 200, 201, 200, 204, 200, 200]
        mongo.stop()
        client.get(path)  # the first one meets the broken connection, and then nobody
        for name, ask in asks.items():
            began = time.monotonic()
            answer = ask()
            assert problem(answer, 503)["code"] == "transient", name
            assert int(answer.headers["Retry-After"]) > 0
            assert time.monotonic() - began < 1.9 * WAIT_MS / 1000, name
