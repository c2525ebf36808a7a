"""The data that server and floor are measured on: the same documents in a database each."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import bson

from benchmarks.records import LOINC, WEIGHT, Record, observation, records
from fhir_server.app import Server
from fhir_server.fhir import Resource
from fhir_server.fhir.instant import now_ms
from fhir_server.fhir.json import encode_json
from fhir_server.interactions.messages import FhirRequest
from fhir_server.policy.context import AccessContext
from fhir_server.policy.scopes import parse_scopes
from fhir_server.settings import Settings, load_settings
from fhir_server.storage.direct import Direct
from fhir_server.storage.mongo import Mongo
from fhir_server.storage.transactions import Transactions

PATIENTS = 200
CALLERS = 20
"""Patients who have a token; what they read is spread over all of their record."""
BODIES = 200
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """A patient's token and record."""

    token: str
    record: Record


@dataclass(frozen=True, slots=True)
class Dataset:
    """What requests are made of."""

    callers: tuple[Caller, ...]
    bodies: tuple[tuple[Caller, Resource], ...]
    """New observations of the callers."""
    system_token: str
    subject: dict[str, str]
    """Environment of the server."""
    floor: dict[str, str]
    """Environment of the floor."""


def build_dataset(mongodb_uri: str, folder: Path) -> Dataset:
    """Loads both databases and returns what was loaded."""
    subject = {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": "bench", "LOG_LEVEL": "INFO"}
    subject["BASE_URL"] = "http://127.0.0.1/fhir"
    server = Server(load_settings(subject))
    build = Transactions(server.mongo, server.settings.base_url).build
    floor = Mongo(mongodb_uri, "floor")
    loaded = tuple(records(PATIENTS))
    for database in (server.mongo, floor):
        documents = (_document(build, resource) for record in loaded for resource in record.resources)
        while batch := list(islice(documents, _BATCH)):
            _insert(database, batch)
        database.prepared("history")
    callers = tuple(Caller(_token(server, one.patient), one) for one in loaded[:CALLERS])
    bodies = tuple(_bodies(callers))
    file = folder / "floor.bson"
    plans = _plans(server.settings, callers)
    written = {
        body["identifier"][0]["value"]: _document(build, body, {"p": caller.record.patient})[1]
        for caller, body in bodies
    }
    file.write_bytes(bson.encode({"documents": written, "searches": plans}))
    system = server.issue_token(scope="system/*.cruds", client_id="benchmark", expires_in=86_400)
    server.mongo.close()
    floor.close()
    return Dataset(
        callers,
        bodies,
        system,
        subject,
        {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": "floor", "FLOOR_FILE": str(file)},
    )


def search_text(patient: str, count: int = 20) -> str:
    """The query of the searchset benchmark: weights of a patient, newest first; 25 match."""
    query = [("patient", patient), ("code", f"{LOINC}|{WEIGHT}"), ("_sort", "-date"), ("_count", str(count))]
    return urlencode([*query, ("_total", "none")])


def _token(server: Server, patient: str) -> str:
    return server.issue_token(
        scope="patient/*.cruds", client_id="benchmark", patient=patient, expires_in=86_400
    )


def _document(build: Any, resource: Resource, more: Resource | None = None) -> tuple[str, dict[str, Any]]:
    document = build(resource, resource["id"], 1, now_ms(), "POST")
    assert more is None or document["p"] == more["p"]
    return resource["resourceType"], document


def _insert(database: Mongo, batch: list[tuple[str, dict[str, Any]]]) -> None:
    by_type: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for resource_type, document in batch:
        by_type[resource_type].append(document)
    for resource_type, documents in by_type.items():
        database.prepared(resource_type).insert_many(documents)


def _bodies(callers: tuple[Caller, ...]) -> Iterator[tuple[Caller, Resource]]:
    chance = random.Random(1)
    for number in range(BODIES):
        caller = callers[number % len(callers)]
        yield caller, observation(caller.record.patient, chance, 1 + number % 4)


class _Searches(Direct):
    """Remembers what the last search asked MongoDB."""

    asked: dict[str, Any]

    def find(self, command: dict[str, Any]) -> list[dict[str, Any]] | None:
        self.asked = {name: command[name] for name in ("filter", "sort", "limit")}
        return super().find(command)


def _plans(settings: Settings, callers: tuple[Caller, ...]) -> dict[str, dict[str, Any]]:
    """What the server asks MongoDB for the searches of `search_text`, for the floor to ask the same."""
    server = Server(settings)
    searches = server.mongo._direct = _Searches(server.mongo.client, settings.mongodb_database)
    plans = {}
    for caller in callers:
        text = search_text(caller.record.patient)
        scopes = parse_scopes("patient/*.rs", server.definitions.resource_types)
        context = AccessContext("benchmark", "benchmark", scopes, patient=caller.record.patient)
        answer = server.interact(context, FhirRequest("GET", ("Observation",), tuple(parse_qsl(text))))
        assert answer.status == 200
        plans[text] = searches.asked
    server.mongo.close()
    return plans


def body_bytes(resource: Resource) -> bytes:
    """A new resource as a client sends it: without id."""
    return encode_json({key: value for key, value in resource.items() if key != "id"})
