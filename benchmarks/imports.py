"""How fast whole records come in: transaction Bundles, everything on.

Why: a hospital brings its archive as transactions; each is one MongoDB transaction, so what counts is that
writes are grouped by type and that no entry costs a round trip of its own.
"""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path

import msgspec
import psutil

from benchmarks.dataset import Dataset
from benchmarks.drive import build_request, drive
from benchmarks.records import as_transaction, records
from benchmarks.servers import gunicorn, tree_cpu
from fhir_server.fhir.json import encode_json

_RECORDS = 60
_ROUNDS = 3
_CONNECTIONS = 4
_SHAPE = {"WORKERS": "2", "THREADS": "4"}


def measure_import(data: Dataset, mongod: psutil.Process, folder: Path, bundles: str) -> dict[str, float]:
    """Prints resources per second; of the Bundles in FHIR_BENCH_BUNDLES, a folder, else of generated ones."""
    bodies = _given(Path(bundles)) if bundles else _generated()
    resources = sum(len(msgspec.json.decode(body)["entry"]) for body in bodies)
    requests = [build_request("POST", "/fhir", data.system_token, body) for body in bodies]
    rates = []
    print(f"\ntransactions: {len(bodies)} Bundles of {resources} resources, {_CONNECTIONS} at a time, 2 x 4")
    with gunicorn("fhir_server.app:create_app()", data.subject | _SHAPE, folder) as running:
        for _ in range(_ROUNDS):
            before, mongod_before = running.cpu(), tree_cpu(mongod)
            outcome = drive(running.port, requests, _CONNECTIONS)
            server, database = running.cpu() - before, tree_cpu(mongod) - mongod_before
            if any(status >= 400 for status in outcome.statuses):
                raise RuntimeError(f"answers were {dict(outcome.statuses)}: {outcome.failed[:2000]!r}")
            rates.append(resources / outcome.seconds)
            print(
                f"  {rates[-1]:.0f} resources/s; CPU per resource: server {1e6 * server / resources:.0f} µs,"
                f" mongod {1e6 * database / resources:.0f} µs",
                flush=True,
            )
    # The best round: what the neighbours on the machine take away is not ours.
    return {"resources per second": max(rates)}


def _given(folder: Path) -> list[bytes]:
    bodies = []
    for path in sorted([*folder.glob("*.json"), *folder.glob("*.json.gz")]):
        content = path.read_bytes()
        bodies.append(gzip.decompress(content) if path.suffix == ".gz" else content)
    return bodies


def _generated() -> list[bytes]:
    return [encode_json(as_transaction(record)) for record in islice(records(_RECORDS, seed=2), _RECORDS)]
