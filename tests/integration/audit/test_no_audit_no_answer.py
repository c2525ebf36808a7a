"""When an access cannot be recorded, the caller gets no data. https://hl7.org/fhir/R4/security.html#audit"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from pymongo import MongoClient

from tests.examples import batch, body, create, entry, patient, transaction
from tests.http_client import FhirHttp
from tests.running_server import RunningServer

SECRET = "Zyglophile"


@contextmanager
def refusing_trail(server: RunningServer) -> Iterator[None]:
    """Lets the database refuse every AuditEvent."""
    settings = server.inside.settings
    with MongoClient(settings.mongodb_uri) as client:
        database = client[settings.mongodb_database]
        database.command("collMod", "AuditEvent", validator={"never": {"$exists": True}})
        try:
            yield
        finally:
            database.command("collMod", "AuditEvent", validator={})


@pytest.fixture(scope="module")
def path(fhir: FhirHttp) -> str:
    stored = create(fhir, patient(name=[{"family": SECRET}]))
    return f"Patient/{stored['id']}"


def test_no_interaction_answers_without_its_event(server: RunningServer, fhir: FhirHttp, path: str) -> None:
    asks = {
        "read": lambda: fhir.get(path),
        "vread": lambda: fhir.get(f"{path}/_history/1"),
        "history": lambda: fhir.get(f"{path}/_history"),
        "history of the system": lambda: fhir.get("_history"),
        "search": lambda: fhir.get("Patient"),
        "search of the system": lambda: fhir.get("?_type=Patient"),
        "not modified": lambda: fhir.get(path, headers={"If-None-Match": 'W/"1"'}),
        "batch": lambda: fhir.post("", batch(entry("GET", path))),
        "transaction": lambda: fhir.post("", transaction(entry("GET", path))),
        "conditional create": lambda: fhir.post(
            "Patient", patient(), headers={"If-None-Exist": f"family={SECRET}"}
        ),
        "not found": lambda: fhir.get("Patient/nothing"),
        "update": lambda: fhir.put(path, patient(id=path[8:], name=[{"family": SECRET}])),
    }
    with refusing_trail(server):
        for name, ask in asks.items():
            answer = ask()
            assert answer.status_code in (500, 503), name
            assert body(answer)["resourceType"] == "OperationOutcome"
            assert SECRET not in answer.text, name
            assert "ETag" not in answer.headers, name
    assert fhir.get(path).status_code == 200


def test_the_failure_of_a_group_reaches_each_of_its_requests(server: RunningServer, path: str) -> None:
    token = server.inside.issue_token(scope="system/*.rs", client_id="group")
    clients = [FhirHttp(server.base_url, token) for _ in range(32)]
    with refusing_trail(server), ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda client: client.get(path), clients))
    assert {a.status_code for a in answers} <= {500, 503}
    assert all(SECRET not in a.text for a in answers)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda client: client.get(path), clients))
    assert {a.status_code for a in answers} == {200}
