"""Bare messages: plain success is taken, the rest is left to the driver, and no transaction is halved."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError
from pymongo.uri_parser import parse_uri

from fhir_server.storage import direct as module
from fhir_server.storage.direct import Direct


@pytest.fixture(scope="module")
def database(mongodb_uri: str, database_name: str) -> Iterator[Any]:
    with MongoClient(mongodb_uri) as client:
        found = client[database_name]
        for name in ("one", "two"):
            found.create_collection(name)
        yield found


@pytest.fixture
def direct(database: Any) -> Iterator[Direct]:
    found = Direct(database.client, database.name)
    yield found
    found.close()


def stored(database: Any, key: str) -> tuple[int, int]:
    return tuple(database[name].count_documents({"_id": key}) for name in ("one", "two"))  # type: ignore[return-value]


def test_it_finds_and_inserts(database: Any, direct: Direct) -> None:
    assert direct.insert("one", [{"_id": "a", "n": 1}, {"_id": "b", "n": 2}])
    found = direct.find({"find": "one", "filter": {"n": {"$gt": 0}}, "sort": {"n": -1}, "limit": 5})
    assert found == [{"_id": "b", "n": 2}, {"_id": "a", "n": 1}]
    assert direct.find({"find": "one", "filter": {"_id": "nothing"}, "limit": 1}) == []


def test_both_inserts_of_a_transaction_or_none(database: Any, direct: Direct) -> None:
    assert direct.insert_together({"one": [{"_id": "t1"}], "two": [{"_id": "t1"}]})
    assert stored(database, "t1") == (1, 1)
    for first, second in (("one", "two"), ("two", "one")):
        assert not direct.insert_together({first: [{"_id": "t1"}], second: [{"_id": "t2"}]})
        assert not direct.insert_together({first: [{"_id": "t2"}], second: [{"_id": "t1"}]})
    assert stored(database, "t2") == (0, 0)
    assert direct.insert_together({"one": [{"_id": "t3"}], "two": [{"_id": "t3"}]})


@pytest.mark.parametrize(
    "command",
    [
        {"find": "one", "filter": {"$nonsense": 1}},
        {"find": "one", "filter": {}, "batchSize": 1},
        {"find": "one", "filter": {"x": object()}},
    ],
)
def test_what_is_no_plain_success_is_left_to_the_driver(direct: Direct, command: dict[str, Any]) -> None:
    direct.insert("one", [{"_id": "x"}, {"_id": "y"}])
    assert direct.find(command) is None
    assert direct.find({"find": "one", "filter": {"_id": "x"}, "limit": 1}) == [{"_id": "x"}]


def test_an_insert_of_what_is_there_is_left_to_the_driver(direct: Direct) -> None:
    direct.insert("one", [{"_id": "twice"}])
    assert not direct.insert("one", [{"_id": "twice"}])


def test_a_large_message_is_left_to_the_driver(database: Any, direct: Direct) -> None:
    assert not direct.insert_together(
        {"one": [{"_id": "large", "z": bytes(2_000_000)}], "two": [{"_id": "large"}]}
    )
    assert stored(database, "large") == (0, 0)


def test_reads_that_the_uri_sends_elsewhere_are_left_to_the_driver(
    mongodb_uri: str, database_name: str
) -> None:
    sign = "&" if "?" in mongodb_uri else "/?"
    with MongoClient(f"{mongodb_uri}{sign}readPreference=secondaryPreferred") as client:
        assert Direct(client, database_name).find({"find": "one", "filter": {}, "limit": 1}) is None


def test_an_absent_server_is_waited_for_once(database_name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        MongoClient(f"mongodb://127.0.0.1:{port}/", serverSelectionTimeoutMS=50) as client,
        pytest.raises(ServerSelectionTimeoutError),
    ):
        Direct(client, database_name).insert("one", [{"_id": 1}])


def test_many_threads_mix_nothing_up(database: Any, direct: Direct) -> None:
    direct.insert("two", [{"_id": f"m{n}", "n": n} for n in range(64)])
    wrong: list[Any] = []

    def ask(number: int) -> None:
        for _ in range(20):
            found = direct.find({"find": "two", "filter": {"_id": f"m{number}"}, "limit": 1})
            if found != [{"_id": f"m{number}", "n": number}]:
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(direct._idle) <= module._MOST_IDLE


# --- a line that breaks -----------------------------------------------------------------------------

Fault = Callable[[socket.socket, socket.socket, bytes], None]
"""(to the server, to the database, what the server sent): what happens instead of passing it on."""


@contextmanager
def breaking(mongodb_uri: str, faults: list[Fault]) -> Iterator[str]:
    """A way to the database on which transactions meet the faults, one after the other."""
    upstream = parse_uri(mongodb_uri)["nodelist"][0]

    def carry(source: socket.socket, target: socket.socket, *, watched: bool) -> None:
        with source, target:
            try:
                while chunk := source.recv(1 << 20):
                    if watched and b"txnNumber" in chunk and faults:
                        faults.pop(0)(source, target, chunk)
                        return
                    target.sendall(chunk)
            except OSError:
                return

    def accept(listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            far = socket.create_connection(upstream)
            for pair, watched in (((near, far), True), ((far, near), False)):
                threading.Thread(target=carry, args=pair, kwargs={"watched": watched}, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, args=(listening,), daemon=True).start()
        yield f"mongodb://127.0.0.1:{listening.getsockname()[1]}/?directConnection=true"
        listening.shutdown(socket.SHUT_RDWR)


def nothing_arrives(near: socket.socket, far: socket.socket, sent: bytes) -> None:
    near.shutdown(socket.SHUT_RDWR)


def half_arrives(near: socket.socket, far: socket.socket, sent: bytes) -> None:
    """The first insert is executed, what follows is lost: no commit may make it last."""
    first = struct.unpack_from("<i", sent)[0]
    far.sendall(sent[:first])
    threading.Event().wait(0.3)
    near.shutdown(socket.SHUT_RDWR)


def all_arrives_unanswered(near: socket.socket, far: socket.socket, sent: bytes) -> None:
    near.shutdown(socket.SHUT_WR)  # no answer comes back
    far.sendall(sent)
    threading.Event().wait(0.3)
    near.shutdown(socket.SHUT_RD)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([nothing_arrives], False),
        ([half_arrives], False),
        ([all_arrives_unanswered], True),
        ([all_arrives_unanswered, nothing_arrives], True),
        ([half_arrives, nothing_arrives, nothing_arrives], False),
    ],
)
def test_the_end_of_a_transaction_is_found_out(
    mongodb_uri: str, database: Any, faults: list[Fault], expected: bool
) -> None:
    key = f"{'-'.join(fault.__name__ for fault in faults)}"
    with breaking(mongodb_uri, list(faults)) as uri, MongoClient(uri) as client:
        direct = Direct(client, database.name)
        assert direct.insert_together({"one": [{"_id": key}], "two": [{"_id": key}]}) is expected
        assert stored(database, key) == ((1, 1) if expected else (0, 0))
        assert direct.insert_together({"one": [{"_id": f"{key}2"}], "two": [{"_id": f"{key}2"}]})


def test_an_end_that_stays_unknown_is_an_error(mongodb_uri: str, database: Any) -> None:
    faults: list[Fault] = [all_arrives_unanswered, nothing_arrives, nothing_arrives, nothing_arrives]
    with breaking(mongodb_uri, faults) as uri, MongoClient(uri) as client, pytest.raises(AutoReconnect):
        Direct(client, database.name).insert_together({"one": [{"_id": "u"}], "two": [{"_id": "u"}]})
