"""No request asks the database more often than docs/performance.md says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.house.sources import ROOT
from tests.http_client import FhirHttp
from tests.minimal import minimal_resource
from tests.running_server import run_server
from tests.wire import Trips, overheard

PAGE = ROOT / "docs" / "performance.md"
_TRIP = r"`[^`]+`(?: \+ `[^`]+`)*"
ROW = re.compile(rf"^\| ([^|]+) \| (\d+) \| ({_TRIP}(?:, {_TRIP})*|none) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def watched(mongodb_uri: str, database_name: str) -> Iterator[tuple[FhirHttp, Trips]]:
    """A caller of a server whose way to the database is overheard."""
    with (
        overheard(mongodb_uri) as (uri, trips),
        run_server(uri, database_name, TOKEN_CACHE_SECONDS="300") as running,
    ):
        yield running.client(), trips


def documented() -> dict[str, list[list[str]]]:
    """Request → round trips and the commands of each, as the page says."""
    found = {
        request: [re.findall(r"`([^`]+)`", trip) for trip in re.findall(_TRIP, trips)]
        for request, _, trips in ROW.findall(PAGE.read_text("utf-8"))
    }
    assert all(
        int(count) == len(found[request]) for request, count, _ in ROW.findall(PAGE.read_text("utf-8"))
    )
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
    watched: tuple[FhirHttp, Trips], request_name: str
) -> None:
    fhir, trips = watched
    ask = REQUESTS[request_name]
    for _ in range(2):  # the first one prepares collections, token and page seal
        one = create(fhir)
        create(fhir)
        trips.clear()
        answer = ask(fhir, one)
        assert answer.status_code in (200, 201, 204), answer.text
    assert trips.seen == documented()[request_name]
