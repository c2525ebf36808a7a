"""`fhir-server run` as users start it: a process of its own, two workers, real signals.

https://docs.gunicorn.org/en/stable/signals.html
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from fhir_server.app import Server
from fhir_server.settings import load_settings
from tests.examples import body, link, patient
from tests.http_client import FHIR_JSON, FhirHttp

PATIENCE = 30.0
NAME, IDENTIFIER, CITY = "Planteraut", "279035512345678", "Plantigny"
PATIENT_ID = "planted-4711"


@dataclass
class Service:
    """A running `fhir-server run` and what it wrote."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    token: str

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    def caller(self) -> FhirHttp:
        """A caller with a connection of its own."""
        return FhirHttp(self.base_url, self.token)

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def caller_of(self, worker: psutil.Process) -> FhirHttp:
        """A caller whose connection this worker has: the others sleep while it is made."""
        others = [other for other in self.workers() if other.pid != worker.pid]
        for other in others:
            other.suspend()
        try:
            caller = self.caller()
            assert caller.get("metadata").status_code == 200
        finally:
            for other in others:
                other.resume()
        return caller

    def health(self, name: str, timeout: float = 10) -> int:
        """Returns the status of /health/…, 0 when nobody answers."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/health/{name}", timeout=timeout).status_code
        except (requests.ConnectionError, requests.Timeout):
            return 0

    def lines(self) -> list[str]:
        return self.log.read_text("utf-8").splitlines()


def await_(condition: Callable[[], Any], what: str) -> None:
    """Waits until something is so."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"in vain: {what}"
        time.sleep(0.05)


def start(folder: Path, mongodb_uri: str, database_name: str, **settings: str) -> Service:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": database_name, "TOKEN_CACHE_SECONDS": "0"}
    log = folder / f"{port}.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "fhir_server.cli", "run", "--port", str(port), "--workers", "2"],
            stdout=written,
            stderr=written,
            env={**os.environ, **environ, **settings},
        )
    return Service(process, port, log, "")


def end(service: Service) -> None:
    """Leaves nothing running, whatever a test did."""
    alive = service.process.poll() is None
    left = psutil.Process(service.process.pid).children(recursive=True) if alive else []
    for process in [service.process, *left]:
        process.kill()
    service.process.wait()


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str, database_name: str
) -> Iterator[Service]:
    """A server that is ready, with two workers."""
    service = start(tmp_path_factory.mktemp("run"), mongodb_uri, database_name)
    try:
        await_(lambda: service.health("ready") == 200, "/health/ready answers 200")
        await_(lambda: len(service.workers()) == 2, "two workers are there")
        settings = {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": database_name}
        issuer = Server(load_settings(settings))
        service.token = issuer.issue_token(scope="system/*.cruds", client_id="tests")
        yield service
    finally:
        end(service)


def test_it_is_alive_and_ready_with_two_workers(service: Service) -> None:
    assert service.health("live") == service.health("ready") == 200
    assert len(service.workers()) == 2


def test_both_workers_accept_a_token_and_turn_the_pages_of_the_other(service: Service) -> None:
    one, other = [service.caller_of(worker) for worker in service.workers()]
    created = [one.post("Patient", patient(f"page-{number}")) for number in range(5)]
    assert {response.status_code for response in created} == {201}
    seen: list[str] = []
    url: str | None = "Patient?_sort=-_id&_count=1"
    while url is not None:
        page = body(one.get(url))
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        url = link(page, "next")
        one, other = other, one
    assert seen == sorted((body(response)["id"] for response in created), reverse=True)


def test_a_write_of_one_worker_is_read_by_the_other_at_once(service: Service) -> None:
    one, other = [service.caller_of(worker) for worker in service.workers()]
    assert one.put("Patient/both", patient(id="both")).status_code == 201
    for number in range(2, 8):
        one, other = other, one
        changed = one.put(
            "Patient/both", patient(f"{number}", id="both"), headers={"If-Match": f'W/"{number - 1}"'}
        )
        assert changed.status_code == 200
        assert other.get("Patient/both").headers["ETag"] == f'W/"{number}"'


def test_a_request_id_comes_back_and_a_harmful_one_is_replaced(service: Service) -> None:
    caller = service.caller()
    assert (
        caller.get("metadata", headers={"X-Request-Id": "trace-1.a_b"}).headers["X-Request-Id"]
        == "trace-1.a_b"
    )
    for harmful in ("a b", '{"level":"ERROR"}', "x" * 65, "é".encode().decode("latin-1")):
        given = caller.get("metadata", headers={"X-Request-Id": harmful}).headers["X-Request-Id"]
        assert len(given) == 32
        assert given != harmful


def plant(service: Service) -> None:
    """Does all that could leave a patient's traces in the log."""
    caller = service.caller()
    planted = patient(IDENTIFIER, id=PATIENT_ID, name=[{"family": NAME}], address=[{"city": CITY}])
    answers = [
        caller.put(f"Patient/{PATIENT_ID}", planted),
        caller.get(f"Patient/{PATIENT_ID}"),
        caller.get(f"Patient?family={NAME}&identifier={IDENTIFIER}"),
        caller.search("Patient", {"family": NAME, "address-city": CITY}, post=True),
        caller.get(f"Patient/{PATIENT_ID}/_history"),
        caller.get(f"Patient/{PATIENT_ID}/*"),
        caller.patch(f"Patient/{PATIENT_ID}", [{"op": "test", "path": "/name/0/family", "value": CITY}]),
        caller.put(f"Patient/{PATIENT_ID}", planted | {"gender": NAME}),
        caller.post("Patient", f'{{"resourceType":"Patient","name":"{NAME}",'.encode()),
        caller.post("", {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": planted}]}),
        caller.get(f"Patient?nonsense={NAME}"),
        caller.get(NAME),
        caller.get(f"{NAME}/{IDENTIFIER}"),
        caller.get(f"http://127.0.0.1:{service.port}/{NAME}?identifier={IDENTIFIER}"),
        caller.request(NAME.upper(), f"Patient/{PATIENT_ID}"),
        FhirHttp(service.base_url, f"{service.token}x").get(f"Patient/{PATIENT_ID}"),
        FhirHttp(service.base_url).get(f"Patient/{PATIENT_ID}?access_token={service.token}"),
        caller.delete(f"Patient/{PATIENT_ID}"),
        caller.get(f"Patient/{PATIENT_ID}"),
    ]
    assert all(answer.status_code < 500 for answer in answers)
    with socket.create_connection(("127.0.0.1", service.port)) as raw:
        raw.sendall(f"GET /fhir/Patient?family={NAME} {CITY}\r\nX: {IDENTIFIER}\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 400")


def test_every_log_line_is_json_and_tells_nothing_of_patients_tokens_or_queries(service: Service) -> None:
    begun = len(service.lines())
    plant(service)
    service.caller().get("metadata", headers={"X-Request-Id": "last-one"})
    await_(lambda: any("last-one" in line for line in service.lines()), "the last request is logged")
    rows = [json.loads(line) for line in service.lines()]
    assert all({"time", "level", "logger", "message"} <= row.keys() for row in rows)
    requests_logged = [row for row in rows[begun:] if row["logger"] == "fhir_server.access"]
    assert {"request_id", "method", "resource", "status", "ms", "client"} <= requests_logged[0].keys()
    assert {row["resource"] for row in requests_logged} >= {"Patient", "metadata"}
    text = "\n".join(service.lines()).casefold()
    for planted in (
        NAME,
        IDENTIFIER,
        CITY,
        PATIENT_ID,
        service.token,
        "family=",
        "_sort",
        "identifier=",
        "page-3",
    ):
        assert planted.casefold() not in text, planted


def test_after_the_death_of_a_worker_the_service_goes_on(service: Service) -> None:
    victim, survivor = service.workers()
    kept = service.caller_of(survivor)
    victim.send_signal(signal.SIGKILL)
    for _ in range(20):
        assert kept.get("Patient?_count=1").status_code == 200
        assert service.caller().get("Patient?_count=1").status_code == 200
    await_(lambda: len({w.pid for w in service.workers()} - {victim.pid}) == 2, "a new worker is there")
    (fresh,) = [w for w in service.workers() if w.pid not in (victim.pid, survivor.pid)]
    assert service.caller_of(fresh).get("Patient?_count=1").status_code == 200


def test_a_stop_answers_the_request_in_flight_and_leaves_nothing_running(service: Service) -> None:
    workers = service.workers()
    content = json.dumps(patient(id="in-flight")).encode()
    head = [
        "PUT /fhir/Patient/in-flight HTTP/1.1",
        f"Host: 127.0.0.1:{service.port}",
        f"Authorization: Bearer {service.token}",
        f"Content-Type: {FHIR_JSON}",
        f"Content-Length: {len(content)}",
        "Expect: 100-continue",
    ]
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as client:
        client.sendall("\r\n".join([*head, "", ""]).encode())
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(content[:10])
        service.process.terminate()
        await_(lambda: service.health("live", 1) == 0, "no new connections are taken")
        assert service.process.poll() is None
        client.sendall(content[10:])
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert b'"id":"in-flight"' in answer
    assert service.process.wait(PATIENCE) == 0
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert alive == []


def test_without_a_database_it_is_alive_but_not_ready(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    service = start(tmp_path, f"mongodb://127.0.0.1:{nobody}", "nowhere")
    try:
        await_(lambda: service.health("live") == 200, "/health/live answers")
        assert service.health("ready") == 503
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == 0
    finally:
        end(service)
