"""What each step of a request costs alone, in one process without a database.

Why: a ratio tells that a request became slower, these tell where; they have no budget because they have no
floor on the same machine.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from benchmarks.records import as_transaction, records
from fhir_server.audit.event import Access, Caller, build_event
from fhir_server.fhir import Resource
from fhir_server.fhir.instant import format_instant, now_ms
from fhir_server.fhir.json import encode_json, parse_resource
from fhir_server.search.index import extract_index
from fhir_server.storage.stored import build_document, compress, decompress
from fhir_server.validation.validate import validate_resource

_BASE = "http://127.0.0.1/fhir"
_REPEATS = 7
_SECONDS = 0.03


def measure_steps() -> None:
    """Prints µs of CPU for each step on resources of several sizes."""
    measured = samples()
    print("steps: CPU in µs, best of", _REPEATS)
    print(f"{'':10}", *(f"{name:>18}" for name in measured))
    print(f"{'bytes':10}", *(f"{len(encode_json(resource)):18}" for resource in measured.values()))
    for step, prepare in _STEPS.items():
        figures = [1e6 * best(prepare(resource)) for resource in measured.values()]
        print(f"{step:10}", *(f"{figure:18.1f}" for figure in figures), flush=True)


def samples() -> dict[str, Resource]:
    """Returns resources of several sizes."""
    record = next(records(1))
    access = Access("read", "Patient", record.patient, (f"Patient/{record.patient}/_history/1",))
    caller = Caller("portal", "0" * 32, "Practitioner/1", "TREAT", "127.0.0.1", "1" * 32)
    event = build_event(access, caller, record.patient, format_instant(now_ms()), "DMP FHIR server")
    return {
        "Patient": record.resources[0],
        "Observation": record.resources[1],
        "DocumentReference": record.resources[-1],
        "AuditEvent": event,
        "Bundle": {**as_transaction(record), "id": "1"},
    }


def _parse(resource: Resource) -> Callable[[], object]:
    raw = encode_json(resource)
    return lambda: parse_resource(raw)


def _decompress(resource: Resource) -> Callable[[], object]:
    frame = compress(encode_json(resource))
    return lambda: decompress(frame)


def _compress(resource: Resource) -> Callable[[], object]:
    raw = encode_json(resource)
    return lambda: compress(raw)


def _audit(resource: Resource) -> Callable[[], object]:
    reference = f"{resource['resourceType']}/1/_history/1"
    access = Access("read", resource["resourceType"], "1", (reference,))
    caller = Caller("portal", "0" * 32, "", "TREAT", "127.0.0.1", "1" * 32)
    identifier = str(random.Random(0).getrandbits(128))
    return lambda: build_event(access, caller, identifier, "2025-01-01T00:00:00.000Z", "DMP FHIR server")


_STEPS: dict[str, Callable[[Resource], Callable[[], object]]] = {
    "parse": _parse,
    "validate": lambda resource: lambda: validate_resource(resource),
    "index": lambda resource: lambda: extract_index(resource, 0, _BASE),
    "encode": lambda resource: lambda: encode_json(resource),
    "compress": _compress,
    "decompress": _decompress,
    "document": lambda resource: lambda: build_document(resource, 1, 0, "POST", _BASE),
    "audit": _audit,
}


def best(step: Callable[[], object]) -> float:
    """Seconds of CPU of one call, the least of several runs."""
    step()
    began = time.process_time()
    step()
    calls = max(1, int(_SECONDS / max(time.process_time() - began, 1e-6)))
    runs = []
    for _ in range(_REPEATS):
        began = time.process_time()
        for _ in range(calls):
            step()
        runs.append((time.process_time() - began) / calls)
    return min(runs)
