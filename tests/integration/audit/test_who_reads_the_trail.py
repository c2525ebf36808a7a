"""The holder sees all, refusals too; a professional the own accesses, the médecin traitant all. R1111-43"""

from __future__ import annotations

from uuid import uuid4

import pytest

from fhir_server.fhir.labels import INVISIBLE_PATIENT
from tests.examples import create, entries, patient
from tests.http_client import FhirHttp
from tests.integration.audit.test_notifications import document
from tests.records import open_record, professional
from tests.running_server import RunningServer


@pytest.fixture
def record(fhir: FhirHttp) -> str:
    one = str(create(fhir, {**patient(), "id": uuid4().hex})["id"])
    open_record(fhir, one, authorisation=["Practitioner/r1", "Practitioner/r2"], treating=["Practitioner/mt"])
    return one


def agents(caller: FhirHttp, record: str, criteria: str = "") -> set[str]:
    """Returns the persons of the events that a caller finds."""
    answer = caller.get(f"AuditEvent?patient=Patient/{record}&_count=200{criteria}")
    assert answer.status_code == 200, answer.text
    events = [entry["resource"] for entry in entries(answer.json())]
    return {a["who"]["reference"] for e in events for a in e["agent"] if "reference" in a["who"]}


def test_each_sees_what_the_law_says(server: RunningServer, record: str) -> None:
    names = ("r1", "r2", "mt")
    doctors = {name: professional(server, name, record) for name in names}
    for doctor in doctors.values():
        assert doctor.get("Observation").status_code == 200
    assert professional(server, "stranger", record).get("Observation").status_code == 403
    everybody = {f"Practitioner/{name}" for name in (*names, "stranger")}
    holder = server.client("patient/*.rs", record, f"Patient/{record}")
    assert agents(holder, record) >= everybody
    assert agents(holder, record, "&outcome=4") == {"Practitioner/stranger"}
    assert agents(doctors["r1"], record) == {"Practitioner/r1"}
    assert agents(doctors["mt"], record) >= everybody


def test_the_trace_of_a_document_is_hidden_with_it(server: RunningServer, record: str) -> None:
    doctor = professional(server, "r1", record)
    hidden = create(doctor, document(record, INVISIBLE_PATIENT))
    shown = create(doctor, document(record))
    holder = server.client("patient/*.rs", record, f"Patient/{record}")
    found = str(holder.get(f"AuditEvent?patient=Patient/{record}&_count=200").json())
    assert f"DocumentReference/{shown['id']}" in found
    assert f"DocumentReference/{hidden['id']}" not in found
