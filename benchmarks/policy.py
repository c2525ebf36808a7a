"""What the rules of a record cost a search in it: a professional by the policy, beside a system without.

Why: docs/decisions/0025 promises one look-up and a few conditions; the bar is 15 % of CPU in a record of
3,000 resources, the database included.
"""

from __future__ import annotations

import random
import time
from statistics import median

import psutil

from benchmarks.dataset import Dataset
from benchmarks.records import observation
from benchmarks.servers import tree_cpu
from fhir_server.app import Server
from fhir_server.audit.activity import Activity
from fhir_server.fhir import Resource
from fhir_server.fhir.json import encode_json
from fhir_server.interactions.messages import FhirRequest
from fhir_server.policy.consent_templates import POLICY, STATE_SYSTEM
from fhir_server.policy.context import AccessContext
from fhir_server.policy.scopes import parse_scopes
from fhir_server.settings import load_settings

RESOURCES = 3000
_ROUNDS = 60
_REQUESTS = 40
PATIENT, DOCTOR = "policy-long", "Practitioner/policy"
_SEARCHES = {
    "page of 20": f"patient={PATIENT}&_count=20&_sort=-date",
    "code": f"patient={PATIENT}&code=http://loinc.org|29463-7&_count=20&_sort=-date",
    "total": f"patient={PATIENT}&_summary=count",
}


def measure_policy(data: Dataset, mongod: psutil.Process) -> dict[str, float]:
    """Prints CPU of server and database for each search, without and with the rules; returns the worst."""
    names = ("MONGODB_URI", "MONGODB_DATABASE")
    server = Server(load_settings({name: data.subject[name] for name in names}))
    fill(server)
    types = server.definitions.resource_types
    plain = AccessContext("benchmarks", "0" * 32, parse_scopes("system/*.rs", types))
    ruled = AccessContext(
        "benchmarks",
        "1" * 32,
        parse_scopes("user/*.rs", types),
        patient=PATIENT,
        fhir_user=DOCTOR,
        activity=Activity(role="10"),
    )
    print(f"\npolicy: CPU in µs of a search in a record of {RESOURCES} resources, median of {_ROUNDS} rounds")
    worst = 0.0
    for name, text in _SEARCHES.items():
        rounds = [[_cpu(server, context, text, mongod) for context in (plain, ruled)] for _ in range(_ROUNDS)]
        without, with_rules = (median(row[side] for row in rounds) for side in (0, 1))
        ratio = median(row[1] / row[0] for row in rounds)
        print(f"  {name:12} {without:8.0f} {with_rules:8.0f} {ratio:6.2f}", flush=True)
        worst = max(worst, ratio)
    return {"policy": worst}


def _cpu(server: Server, context: AccessContext, text: str, mongod: psutil.Process) -> float:
    pairs = tuple((name, value) for name, _, value in (part.partition("=") for part in text.split("&")))
    began, database = time.process_time(), tree_cpu(mongod)
    for _ in range(_REQUESTS):
        answer = server.interact(context, FhirRequest("GET", ("Observation",), pairs))
        assert answer.status == 200
    used = time.process_time() - began + tree_cpu(mongod) - database
    return 1e6 * used / _REQUESTS


def fill(server: Server) -> None:
    """Stores the record, open, and lets the doctor in."""
    context = server.system_context()
    send(server, context, "PUT", {"resourceType": "Patient", "id": PATIENT})
    chance = random.Random(1)
    rows = [_entry(observation(PATIENT, chance, n % 3)) for n in range(RESOURCES)]
    for start in range(0, RESOURCES, 500):
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": rows[start : start + 500]}
        send(server, context, "POST", bundle)
    state = {"coding": [{"system": STATE_SYSTEM, "code": "open"}]}
    actor = {"role": {"text": "doctor"}, "reference": {"reference": DOCTOR}}
    send(server, context, "POST", decision("record", {"code": [state]}))
    send(server, context, "POST", decision("authorisation", {"actor": [actor]}))


def _entry(resource: Resource) -> Resource:
    return {"resource": resource, "request": {"method": "PUT", "url": f"Observation/{resource['id']}"}}


def decision(template: str, provision: Resource) -> Resource:
    """Returns a Consent of a template about the record."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"text": "patient privacy"},
        "category": [{"text": "decision"}],
        "patient": {"reference": f"Patient/{PATIENT}"},
        "policy": [{"uri": f"{POLICY}{template}"}],
        "provision": {"type": "permit", **provision},
    }


def send(server: Server, context: AccessContext, method: str, resource: Resource) -> None:
    """Stores a resource or a Bundle."""
    kind = str(resource["resourceType"])
    path = () if kind == "Bundle" else (kind, resource["id"]) if method == "PUT" else (kind,)
    answer = server.interact(context, FhirRequest(method, path, body=encode_json(resource)))
    assert answer.status in (200, 201), answer
