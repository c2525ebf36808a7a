"""A worker may die at any moment: what it wrote has its event, and no event tells of what was not written.

https://hl7.org/fhir/R4/security.html#audit
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from pymongo import MongoClient

from fhir_server.app import Server
from fhir_server.fhir.json import parse_json
from fhir_server.settings import load_settings
from fhir_server.storage.stored import decompress
from tests.examples import entry, observation, patient, transaction
from tests.http_client import FhirHttp
from tests.integration.running_process import RunningProcess, await_, run_process, short_transactions

KILLS = 8
WRITERS = 6
WRITES = 40


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str, database_name: str) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("killed")
    with (
        short_transactions(mongodb_uri),
        run_process(folder, mongodb_uri, database_name, TOKEN_CACHE_SECONDS="60") as running,
    ):
        await_(lambda: running.health("ready") == 200, "/health/ready answers 200")
        yield running


def write(base_url: str, token: str, number: int, stop: threading.Event, done: list[str]) -> None:
    """Creates, updates, deletes and sends transactions, whatever is answered."""
    chance = random.Random(number)
    fhir = FhirHttp(base_url, token)
    last = ""
    while not stop.is_set():
        kind = chance.choice(("create", "create", "update", "delete", "transaction", "conditional"))
        try:
            if kind == "create":
                answer = fhir.post("Patient", patient())
                if answer.status_code == 201:
                    last = answer.json()["id"]
                    done.append(last)
            elif kind == "update" and last:
                fhir.put(f"Patient/{last}", patient(id=last, active=chance.random() < 0.5))
            elif kind == "delete" and last:
                fhir.delete(f"Patient/{last}")
            elif kind == "transaction":
                rows = [
                    entry("POST", "Patient", patient(), "urn:uuid:00000000-0000-4000-8000-000000000001"),
                    entry(
                        "POST", "Observation", observation("urn:uuid:00000000-0000-4000-8000-000000000001")
                    ),
                ]
                fhir.post("", transaction(*rows))
            else:
                key = f"k{chance.randrange(5000)}"
                fhir.post("Patient", patient(key), headers={"If-None-Exist": f"identifier={key}"})
        except requests.RequestException:
            last = ""  # MongoDB keeps what the dead one had begun to change for a minute
            time.sleep(0.02)


def killed(process: RunningProcess) -> int:
    """Kills a worker that has lived for a moment; gunicorn starts another."""
    workers = [w for w in process.workers() if time.time() - w.create_time() > 0.4]
    if not workers:
        return 0
    try:
        os.kill(random.Random(time.time_ns()).choice(workers).pid, signal.SIGKILL)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return 0
    return 1


def test_every_version_has_exactly_one_event_and_every_event_its_version(
    process: RunningProcess, mongodb_uri: str, database_name: str, tmp_path: Path
) -> None:
    settings = load_settings({"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": database_name})
    token = Server(settings).issue_token(scope="system/*.cruds", client_id="killed")
    stop, done = threading.Event(), list[str]()
    writers = [
        threading.Thread(target=write, args=(process.base_url, token, n, stop, done)) for n in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    kills = 0
    until = time.monotonic() + 60
    while (kills < KILLS or len(done) < WRITES) and time.monotonic() < until:
        time.sleep(0.3)
        kills += killed(process)
    stop.set()
    for writer in writers:
        writer.join()
    assert kills >= KILLS
    with MongoClient(mongodb_uri) as client:
        written, told = versions(client[database_name]), events(client[database_name])
    assert len(written) >= WRITES
    assert {f"Patient/{id_}/_history/1" for id_ in done} <= written
    assert set(told.values()) == {1}
    assert set(told) == written


def versions(database: Any) -> set[str]:
    """Type/id/_history/version of everything that was ever written."""
    found = {
        f"{type_}/{row['_id']}/_history/{row['v']}"
        for type_ in ("Patient", "Observation")
        for row in database[type_].find({}, {"v": 1})
    }
    return found | {
        f"{row['rt']}/{row['id']}/_history/{row['v']}" for row in database["history"].find({}, {"z": 0})
    }


def events(database: Any) -> Counter[str]:
    """The versions that events of successful writes name."""
    found: Counter[str] = Counter()
    for row in database["AuditEvent"].find({}):
        event = parse_json(decompress(row["z"]))
        if event["action"] in "CUD" and event["outcome"] == "0":
            found.update(
                e["what"]["reference"]
                for e in event["entity"]
                if "/_history/" in e.get("what", {}).get("reference", "")
            )
    return found
