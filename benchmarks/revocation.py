"""How soon a token that was revoked, and a professional who was blocked, is refused by all workers.

Why: a worker trusts a token for seconds; a change stream tells it sooner (storage/revocations.py). What the
holder decides is read with every request.
"""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from statistics import median

from benchmarks.dataset import Dataset
from benchmarks.policy import DOCTOR, PATIENT, decision, fill, send
from benchmarks.servers import gunicorn
from fhir_server.app import Server
from fhir_server.audit.activity import Activity
from fhir_server.settings import load_settings

_ROUNDS = 20
_CONNECTIONS = 12
"""So many that each of two workers has some."""
_SETTLE_SECONDS = 1.0
_BOUND_SECONDS = 6.0


def measure_revocation(data: Dataset, folder: Path) -> dict[str, float]:
    """Prints the median of the time from the revocation to the last refusal."""
    names = ("MONGODB_URI", "MONGODB_DATABASE")
    issuer = Server(load_settings({name: data.subject[name] for name in names}))
    seconds = []
    with gunicorn(
        "fhir_server.app:create_app()", data.subject | {"WORKERS": "2", "THREADS": "4"}, folder
    ) as running:
        lines = [http.client.HTTPConnection("127.0.0.1", running.port) for _ in range(_CONNECTIONS)]
        for number in range(_ROUNDS):
            token = issuer.issue_token(scope="system/*.rs", client_id="benchmarks")
            assert {_status(line, token) for line in lines} == {200}
            if not number:
                time.sleep(_SETTLE_SECONDS)  # the first requests have opened the streams
            began = time.perf_counter()
            issuer.tokens.revoke(token)
            while any(_status(line, token) == 200 for line in lines):
                if time.perf_counter() - began > _BOUND_SECONDS:
                    raise AssertionError("a revoked token is still taken")
            seconds.append(time.perf_counter() - began)
    milliseconds = 1000 * median(seconds)
    print(
        f"\nrevocation: refused by all workers after {milliseconds:.0f} ms"
        f" (median of {_ROUNDS}, longest {1000 * max(seconds):.0f} ms)"
    )
    return {"revocation ms": milliseconds}


def measure_block(data: Dataset, folder: Path) -> dict[str, float]:
    """Prints the median of the time from the request to block a professional to the last refusal."""
    names = ("MONGODB_URI", "MONGODB_DATABASE")
    server = Server(load_settings({name: data.subject[name] for name in names}))
    fill(server)
    context, actor = server.system_context(), {"role": {"text": "doctor"}, "reference": {"reference": DOCTOR}}
    doctor = Activity(role="10")
    token = server.issue_token(
        scope="user/*.rs", client_id="benchmarks", patient=PATIENT, fhir_user=DOCTOR, activity=doctor
    )
    path, seconds = f"/fhir/Observation?patient={PATIENT}&_count=1&_total=none", []
    with gunicorn(
        "fhir_server.app:create_app()", data.subject | {"WORKERS": "2", "THREADS": "4"}, folder
    ) as running:
        lines = [http.client.HTTPConnection("127.0.0.1", running.port) for _ in range(_CONNECTIONS)]
        for number in range(_ROUNDS):
            block = decision("block", {"type": "deny", "actor": [actor]}) | {"id": f"block-{number}"}
            assert {_status(line, token, path) for line in lines} == {200}
            began = time.perf_counter()
            send(server, context, "PUT", block)
            while any(_status(line, token, path) == 200 for line in lines):
                if time.perf_counter() - began > _BOUND_SECONDS:
                    raise AssertionError("a blocked professional still reads")
            seconds.append(time.perf_counter() - began)
            send(server, context, "PUT", block | {"status": "inactive"})
            send(server, context, "POST", decision("authorisation", {"actor": [actor]}))
    milliseconds = 1000 * median(seconds)
    print(
        f"\nblock: refused by all workers after {milliseconds:.0f} ms"
        f" (median of {_ROUNDS}, longest {1000 * max(seconds):.0f} ms; each round asks {_CONNECTIONS} times)"
    )
    return {"block ms": milliseconds}


def _status(line: http.client.HTTPConnection, token: str, path: str = "/fhir/Basic?_count=1") -> int:
    line.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = line.getresponse()
    answer.read()
    return answer.status
