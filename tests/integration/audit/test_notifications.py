"""Who hears of what, queued with what it tells of; R1111-48, R1111-53; docs/security/audit.md"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from fhir_server.fhir.labels import INVISIBLE_PATIENT, with_labels
from fhir_server.storage.outbox import Outbox
from tests.examples import create, observation, patient
from tests.http_client import FhirHttp
from tests.integration.audit.test_no_audit_no_answer import refusing_trail
from tests.records import emergency, open_record, professional
from tests.running_server import RunningServer


def document(subject: str, labels: int = 0) -> dict[str, Any]:
    resource = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9"}]},
        "subject": {"reference": f"Patient/{subject}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "eA=="}}],
    }
    return with_labels(resource, labels)


@pytest.fixture
def record(fhir: FhirHttp) -> str:
    one = str(create(fhir, {**patient(), "id": uuid4().hex})["id"])
    open_record(fhir, one, authorisation=["Practitioner/n1"], treating=["Practitioner/mt"])
    return one


def told(server: RunningServer, record: str) -> list[tuple[str, str]]:
    """Returns code and recipient of what waits about one record."""
    rows = Outbox(server.inside.mongo).waiting(10_000)
    return sorted((row["code"], row["recipient"]) for row in rows if row["patient"] == record)


def test_the_first_access_of_a_professional_is_told_once(server: RunningServer, record: str) -> None:
    doctors = [professional(server, "n1", record) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda doctor: doctor.get("Observation").status_code, doctors))
    assert answers == [200] * 8
    server.inside.audit._told.clear()  # as in another worker
    assert doctors[0].get("Observation").status_code == 200
    assert told(server, record) == [("ACCES_DMP_PS", f"Patient/{record}")]


def test_an_emergency_is_told_to_the_holder_and_the_treating_doctor(
    server: RunningServer, record: str
) -> None:
    doctor = emergency(server, "er", record)
    for _ in range(3):
        assert doctor.get("Observation").status_code == 200
    both = [("ACCES_BRIS_GLACE", "Patient/" + record), ("ACCES_BRIS_GLACE", "Practitioner/mt")]
    assert told(server, record) == both
    assert emergency(server, "er", record).get("Observation").status_code == 200
    assert told(server, record) == sorted(both * 2)


def test_a_document_is_announced_unless_it_is_hidden_from_the_holder(
    server: RunningServer, record: str
) -> None:
    doctor = professional(server, "n1", record)
    assert doctor.post("DocumentReference", document(record, INVISIBLE_PATIENT)).status_code == 201
    assert told(server, record) == []
    assert doctor.post("DocumentReference", document(record)).status_code == 201
    assert told(server, record) == [("AJOUT_DOCUMENT", f"Patient/{record}")]


def test_what_is_refused_is_not_told(server: RunningServer, record: str) -> None:
    assert professional(server, "stranger", record).get("Observation").status_code == 403
    assert (
        professional(server, "n1", record).post("DocumentReference", {"resourceType": "X"}).status_code >= 400
    )
    assert told(server, record) == []


def test_nobody_is_told_of_the_operator_and_of_the_holder(
    server: RunningServer, fhir: FhirHttp, record: str
) -> None:
    assert fhir.post("DocumentReference", document(record)).status_code == 201
    holder = server.client("patient/*.cruds", record, f"Patient/{record}")
    assert holder.post("Observation", observation(f"Patient/{record}")).status_code == 201
    assert told(server, record) == []


def test_what_was_delivered_waits_no_more(server: RunningServer, record: str) -> None:
    assert professional(server, "n1", record).get("Observation").status_code == 200
    outbox = Outbox(server.inside.mongo)
    (row,) = [row for row in outbox.waiting(10_000, f"Patient/{record}")]
    assert outbox.mark_delivered([row["_id"]]) == 1
    assert outbox.mark_delivered([row["_id"]]) == 0
    assert outbox.waiting(10, f"Patient/{record}") == []


def test_what_a_transaction_takes_back_is_not_told(server: RunningServer, record: str) -> None:
    doctor = professional(server, "n1", record)
    wrong = {**document(record), "status": "no such status"}
    rows = [
        {"resource": one, "request": {"method": "POST", "url": "DocumentReference"}}
        for one in (document(record), wrong)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": rows}
    assert doctor.post("", bundle).status_code >= 400
    assert told(server, record) == []
    rows.pop()
    assert doctor.post("", bundle).status_code == 200
    assert told(server, record) == [("AJOUT_DOCUMENT", f"Patient/{record}")]


def test_a_document_that_a_professional_changes_and_deletes_is_told(
    server: RunningServer, record: str
) -> None:
    doctor = professional(server, "n1", record)
    stored = create(doctor, document(record))
    url = f"DocumentReference/{stored['id']}"
    assert doctor.put(url, {**stored, "description": "changed"}).status_code == 200
    assert doctor.delete(url).status_code in (200, 204)
    codes = {code for code, _ in told(server, record)}
    assert codes >= {"AJOUT_DOCUMENT", "MODIF_DOCUMENT", "SUPP_DOC"}


def test_what_cannot_be_recorded_is_not_told_and_told_later(server: RunningServer, record: str) -> None:
    doctor = professional(server, "n1", record)
    with refusing_trail(server):
        assert doctor.get("Observation").status_code >= 500
        assert doctor.post("DocumentReference", document(record)).status_code >= 500
    assert told(server, record) == []
    assert doctor.get("Observation").status_code == 200
    assert told(server, record) == [("ACCES_DMP_PS", f"Patient/{record}")]
