"""Without its database the server says so, quickly, in FHIR, and shows nothing. RFC 9110 §15.6.4"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import mongoengine
import pytest
from pymongo import MongoClient

from tests.examples import patient, problem, transaction
from tests.http_client import FhirHttp
from tests.running_server import RunningServer, run_server


@pytest.fixture(scope="module")
def lonely() -> Iterator[RunningServer]:
    """A server whose database answers nowhere."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fhir_server.storage.mongo.MongoClient", partial(_impatient, MongoClient))
        patched.setattr("mongoengine.connect", partial(_impatient, mongoengine.connect))
        with run_server(f"mongodb://127.0.0.1:{port}/", "nowhere") as running:
            yield running


def _impatient(connect: Any, *args: Any, **options: Any) -> Any:
    """Gives up after 0.1 s where the server gives its database 5 s."""
    return connect(*args, **options | {"serverSelectionTimeoutMS": 100})


@pytest.mark.parametrize(("method", "path"), [("GET", "Patient/1"), ("DELETE", "Patient?active=true")])
def test_503_says_when_to_try_again(lonely: RunningServer, method: str, path: str) -> None:
    answer = FhirHttp(lonely.base_url, "any-token").request(method, path)
    assert problem(answer, 503)["code"] == "transient"
    assert int(answer.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in answer.text


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
