"""No request asks the database more often than docs/performance.md says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener

from fhir_server.storage import mongo
from tests.house.sources import ROOT
from tests.http_client import FhirHttp
from tests.minimal import minimal_resource
from tests.running_server import run_server

PAGE = ROOT / "docs" / "performance.md"
ROW = re.compile(r"^\| ([^|]+) \| (\d+) \| ((?:`[^`]+`(?:, )?)+|none) \|$", re.MULTILINE)
_UNNAMED = {"commitTransaction", "abortTransaction"}


class Commands(CommandListener):
    """Writes down what the server asks the database."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def started(self, event: Any) -> None:
        name = event.command_name
        self.seen.append(name if name in _UNNAMED else f"{name} {event.command[name]}")

    def succeeded(self, event: Any) -> None:
        """Counted when it started."""

    def failed(self, event: Any) -> None:
        """Counted when it started."""


@pytest.fixture(scope="module")
def commands() -> Commands:
    return Commands()


@pytest.fixture(scope="module")
def fhir(mongodb_uri: str, database_name: str, commands: Commands) -> Iterator[FhirHttp]:
    """A caller of a server that is watched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mongo, "MongoClient", partial(MongoClient, event_listeners=[commands]))
        with run_server(mongodb_uri, database_name, TOKEN_CACHE_SECONDS="300") as running:
            yield running.client()


def documented() -> dict[str, list[str]]:
    """Request → commands, as the page says."""
    rows = ROW.findall(PAGE.read_text("utf-8"))
    found = {request: re.findall(r"`([^`]+)`", commands) for request, _, commands in rows}
    assert all(int(count) == len(found[request]) for request, count, _ in rows)
    return found


def create(fhir: FhirHttp, **changes: Any) -> dict[str, Any]:
    answer = fhir.post("Patient", {**minimal_resource("Patient"), **changes})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def bundle(type_: str, *entries: tuple[str, str, dict[str, Any] | None]) -> dict[str, Any]:
    rows = [
        {"request": {"method": method, "url": url}} | ({"resource": resource} if resource else {})
        for method, url, resource in entries
    ]
    return {"resourceType": "Bundle", "type": type_, "entry": rows}


Ask = Callable[[FhirHttp, dict[str, Any]], Any]
PATCH = [{"op": "add", "path": "/gender", "value": "other"}]
REQUESTS: dict[str, Ask] = {
    "read": lambda fhir, one: fhir.get(f"Patient/{one['id']}"),
    "vread, current version": lambda fhir, one: fhir.get(f"Patient/{one['id']}/_history/1"),
    "create": lambda fhir, one: fhir.post("Patient", minimal_resource("Patient")),
    "update": lambda fhir, one: fhir.put(f"Patient/{one['id']}", {**one, "gender": "female"}),
    "patch": lambda fhir, one: fhir.patch(f"Patient/{one['id']}", PATCH),
    "delete": lambda fhir, one: fhir.delete(f"Patient/{one['id']}"),
    "search, all on one page": lambda fhir, one: fhir.search("Patient", {"_id": one["id"]}),
    "search, more than one page": lambda fhir, one: fhir.search("Patient", {"_count": "1"}),
    "search, `_total=none`": lambda fhir, one: fhir.search("Patient", {"_count": "1", "_total": "none"}),
    "history of an instance": lambda fhir, one: fhir.get(f"Patient/{one['id']}/_history"),
    "history of a type": lambda fhir, one: fhir.get("Patient/_history", {"_count": "1000"}),
    "transaction, many creates of two types": lambda fhir, one: fhir.post(
        "",
        bundle(
            "transaction",
            *[("POST", "Patient", minimal_resource("Patient"))] * 5,
            *[("POST", "Basic", minimal_resource("Basic"))] * 5,
        ),
    ),
    "capabilities": lambda fhir, one: fhir.get("metadata"),
}


def test_the_page_and_the_tests_name_the_same_requests() -> None:
    assert list(documented()) == list(REQUESTS)


@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_request_asks_the_database_what_the_page_says(
    fhir: FhirHttp, commands: Commands, request_name: str
) -> None:
    ask = REQUESTS[request_name]
    for _ in range(2):  # the first one prepares collections, token and page seal
        one = create(fhir)
        create(fhir)
        commands.seen.clear()
        answer = ask(fhir, one)
        assert answer.status_code in (200, 201, 204), answer.text
    assert commands.seen == documented()[request_name]
