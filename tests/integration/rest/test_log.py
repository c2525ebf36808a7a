"""One JSON line for each request, and nothing in it that tells of a person."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from fhir_server.rest.access_log import JsonFormatter
from tests.examples import create, patient
from tests.http_client import FhirHttp
from tests.running_server import RunningServer

SECRET = "Zyglophile"


class Lines(logging.Handler):
    """Keeps what is logged, as the JSON log would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@pytest.fixture
def lines(server: RunningServer) -> Iterator[list[str]]:
    logger = logging.getLogger("fhir_server")
    handler, level = Lines(), logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield handler.texts
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_line_tells_what_happened(fhir: FhirHttp, lines: list[str]) -> None:
    fhir.get("Patient/nothing", headers={"X-Request-Id": "line-1"})
    row = json.loads(lines[-1])
    assert row["request_id"] == "line-1"
    assert (row["method"], row["resource"], row["status"]) == ("GET", "Patient", 404)
    assert row["client"] == "tests"
    assert row["ms"] >= 0


def test_no_line_tells_of_a_person(fhir: FhirHttp, lines: list[str]) -> None:
    id_ = create(fhir, patient(SECRET, name=[{"family": SECRET}]))["id"]
    fhir.get(f"Patient/{id_}")
    fhir.get("Patient", {"family": SECRET})
    fhir.search("Patient", {"family": SECRET}, post=True)
    fhir.get(SECRET)
    fhir.get(f"{SECRET}/1")
    fhir.post("Patient", patient(gender=SECRET))
    fhir.get("Patient/1", headers={"Authorization": f"Bearer {SECRET}"})
    text = "\n".join(lines)
    assert len(lines) == 8
    assert SECRET not in text
    assert id_ not in text
    assert "127.0.0.1" not in text
    assert str(fhir.session.headers["Authorization"])[7:] not in text


def test_a_failure_tells_where_and_not_what(server: RunningServer, fhir: FhirHttp, lines: list[str]) -> None:
    create(fhir, patient())
    settings = server.inside.settings
    with MongoClient(settings.mongodb_uri) as client:
        database = client[settings.mongodb_database]
        database.command("collMod", "Patient", validator={"never": {"$exists": True}})
        try:
            answer = fhir.post("Patient", patient(SECRET, name=[{"family": SECRET}]))
        finally:
            database.command("collMod", "Patient", validator={})
    assert answer.status_code == 500
    assert SECRET not in answer.text
    failure = next(line for line in lines if "failed" in line)
    assert "transactions.py" in failure
    assert SECRET not in "\n".join(lines)
    assert SECRET.lower() not in "\n".join(lines)
    assert json.loads(failure)["request_id"] in answer.text
