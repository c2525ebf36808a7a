"""What is taken back ends in every worker at once, and within TOKEN_CACHE_SECONDS at the latest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from pymongo.errors import PyMongoError

from fhir_server.app import Server
from fhir_server.settings import load_settings
from fhir_server.storage.documents import Documents
from fhir_server.storage.mongo import Mongo
from fhir_server.storage.oauth.access_tokens import AccessTokens, TokenFacts
from fhir_server.storage.revocations import Revocations
from tests.http_client import FhirHttp
from tests.integration.test_gunicorn import Service, await_, end, start


@pytest.fixture
def mongo(mongodb_uri: str) -> Iterator[Mongo]:
    """A database of its own."""
    one = Mongo(mongodb_uri, f"revocations_{uuid4().hex[:12]}")
    yield one
    one.client.drop_database(one.database_name)
    one.close()


class Forgotten:
    """Counts what was forgotten."""

    def __init__(self) -> None:
        self.times = 0
        self.came = threading.Event()

    def __call__(self) -> None:
        self.times += 1
        self.came.set()


def followed(mongo: Mongo, forgotten: Forgotten) -> Revocations:
    revocations = Revocations(mongo, forgotten)
    revocations.start()
    assert revocations.is_open.wait(20)
    forgotten.came.clear()
    return revocations


def test_what_is_taken_back_is_told_and_what_is_used_is_not(mongo: Mongo) -> None:
    tokens = AccessTokens(Documents(mongo))
    used, taken = (tokens.add(TokenFacts("app", "system/*.rs"), 3600)[0] for _ in range(2))
    forgotten = Forgotten()
    revocations = followed(mongo, forgotten)
    try:
        mongo.collection("oauth_grants").insert_one({"_id": "g", "used_at": 1})
        mongo.collection("oauth_grants").update_one({"_id": "g"}, {"$set": {"used_at": 2}})
        assert tokens.find(used) is not None
        assert not forgotten.came.wait(0.5)
        assert tokens.revoke(taken)
        assert forgotten.came.wait(5)
        forgotten.came.clear()
        mongo.collection("oauth_grants").delete_one({"_id": "g"})
        assert forgotten.came.wait(5)
    finally:
        revocations.stop()


def test_one_thread_for_a_process(mongo: Mongo) -> None:
    before = threading.enumerate()  # those of other servers may be ending
    revocations = followed(mongo, Forgotten())
    revocations.start()
    new = [one for one in threading.enumerate() if one.name == "revocations" and one not in before]
    assert len(new) == 1
    revocations.stop()


def test_a_broken_stream_is_opened_again_and_forgets_what_it_may_have_missed(
    mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = Forgotten()
    failures = [PyMongoError("away"), PyMongoError("away")]
    opened = Revocations._open

    def breaking(self: Revocations) -> object:
        if failures:
            raise failures.pop()
        return opened(self)

    monkeypatch.setattr(Revocations, "_open", breaking)
    revocations = followed(mongo, forgotten)
    try:
        assert failures == []
        assert forgotten.times == 1
        tokens = AccessTokens(Documents(mongo))
        assert tokens.revoke(tokens.add(TokenFacts("app", "system/*.rs"), 3600)[0])
        assert forgotten.came.wait(5)
    finally:
        revocations.stop()


@pytest.fixture(scope="module")
def two_workers(
    tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str, database_name: str
) -> Iterator[tuple[Service, Server]]:
    """`fhir-server run` with two workers and the usual cache, and who issues its tokens."""
    folder: Path = tmp_path_factory.mktemp("revocation")
    service = start(folder, mongodb_uri, database_name, TOKEN_CACHE_SECONDS="5", AUDIT_SEAL_SECONDS="0")
    try:
        await_(lambda: service.health("ready") == 200, "/health/ready answers 200")
        await_(lambda: len(service.workers()) == 2, "two workers are there")
        settings = {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": database_name}
        yield service, Server(load_settings(settings))
    finally:
        end(service)


def refusals(callers: list[FhirHttp]) -> float:
    """Returns after how many seconds all workers refuse."""
    began = time.monotonic()
    while any(caller.get("Observation?_count=1").status_code == 200 for caller in callers):
        assert time.monotonic() - began < 5.5, "a worker still takes the token"
    return time.monotonic() - began


def callers_of(service: Service, workers: list[psutil.Process], token: str) -> list[FhirHttp]:
    service.token = token
    callers = [service.caller_of(worker) for worker in workers]
    for caller in callers:
        assert caller.get("Observation?_count=1").status_code == 200
    return callers


@pytest.mark.parametrize("what", ["token", "client"])
def test_every_worker_refuses_what_was_taken_back(two_workers: tuple[Service, Server], what: str) -> None:
    service, issuer = two_workers
    facts = TokenFacts("app", "system/*.rs")
    token = issuer.tokens.add(facts, 600)[0]
    callers = callers_of(service, service.workers(), token)
    if what == "token":
        assert issuer.tokens.revoke(token)
    else:
        client = {"_id": "app", "status": "disabled"}
        issuer.mongo.collection("oauth_clients").insert_one({**client, "status": "active"})
        issuer.mongo.collection("oauth_clients").update_one({"_id": "app"}, {"$set": client})
    assert refusals(callers) < 5.5
