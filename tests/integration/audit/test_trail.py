"""Each access leaves exactly its AuditEvents. https://hl7.org/fhir/R4/auditevent.html, https://profiles.ihe.net/ITI/BALP"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.examples import (
    batch,
    body,
    create,
    entries,
    entry,
    observation,
    pages,
    patient,
    problem,
    total,
    transaction,
)
from tests.http_client import FhirHttp
from tests.integration.audit.events import queries, told, touched
from tests.running_server import RunningServer

# --- one event per access ---------------------------------------------------------------------------


def test_a_read_leaves_one_event(fhir: FhirHttp, watch: Any, owner: str, pulse: str) -> None:
    seen = watch()
    fhir.get(pulse)
    event = seen.only()
    assert told(event) == ("read", "R", "0")
    assert touched(event) == {f"{pulse}/_history/1", f"Patient/{owner}"}
    assert event["meta"]["profile"] == [
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
    ]


def test_a_read_that_was_not_modified_and_a_head(fhir: FhirHttp, watch: Any, pulse: str) -> None:
    seen = watch()
    fhir.get(pulse, headers={"If-None-Match": 'W/"1"'})
    fhir.head(pulse)
    assert [told(e) for e in seen.events()] == [("read", "R", "0")] * 2


def test_a_vread_leaves_one_event(fhir: FhirHttp, watch: Any, owner: str, pulse: str) -> None:
    seen = watch()
    fhir.get(f"{pulse}/_history/1")
    assert told(seen.only()) == ("vread", "R", "0")
    assert touched(seen.only()) == {f"{pulse}/_history/1", f"Patient/{owner}"}


def test_writes_leave_one_event_each(fhir: FhirHttp, watch: Any, owner: str) -> None:
    seen = watch()
    stored = create(fhir, observation(f"Patient/{owner}"))
    path = f"Observation/{stored['id']}"
    fhir.put(path, stored)
    fhir.patch(path, [{"op": "replace", "path": "/status", "value": "amended"}])
    fhir.delete(path)
    events = seen.events()
    assert [told(e) for e in events] == [
        ("create", "C", "0"),
        ("update", "U", "0"),
        ("patch", "U", "0"),
        ("delete", "D", "0"),
    ]
    for version, event in enumerate(events, 1):
        assert touched(event) == {f"{path}/_history/{version}", f"Patient/{owner}"}


def test_a_search_leaves_one_event_per_patient_with_the_query(fhir: FhirHttp, watch: Any) -> None:
    key = uuid.uuid4().hex
    code = {"coding": [{"system": "urn:s", "code": key}]}
    owners = [create(fhir, patient())["id"] for _ in range(3)]
    for id_ in [*owners, owners[0]]:
        create(fhir, observation(f"Patient/{id_}", code=code))
    seen = watch()
    fhir.search("Observation", {"code": key})
    events = seen.events()
    assert [told(e) for e in events] == [("search-type", "E", "0")] * 3
    assert {r for e in events for r in touched(e)} == {f"Patient/{id_}" for id_ in owners}
    assert {q for e in events for q in queries(e)} == {f"Observation?code={key}"}


def test_a_page_tells_of_the_patients_it_shows_only(fhir: FhirHttp, watch: Any) -> None:
    key = uuid.uuid4().hex
    code = {"coding": [{"system": "urn:s", "code": key}]}
    for _ in range(3):
        create(fhir, observation(f"Patient/{create(fhir, patient())['id']}", code=code))
    for path in (f"Observation?code={key}&_count=1", "Observation/_history?_count=1"):
        seen = watch()
        page = body(fhir.get(path))
        shown = {row["resource"]["subject"]["reference"] for row in entries(page)}
        assert {r for r in touched(seen.only()) if r.count("/") == 1} == shown


def test_a_search_that_finds_nothing(fhir: FhirHttp, watch: Any) -> None:
    seen = watch()
    fhir.search("Observation", {"code": "nothing-has-this"})
    assert told(seen.only()) == ("search-type", "E", "0")
    assert queries(seen.only()) == ["Observation?code=nothing-has-this"]


def test_histories_leave_their_events(fhir: FhirHttp, watch: Any, pulse: str) -> None:
    seen = watch()
    fhir.get(f"{pulse}/_history")
    assert told(seen.only()) == ("history-instance", "R", "0")
    assert f"{pulse}/_history/1" in touched(seen.only())
    for path, code in (("Observation/_history", "history-type"), ("_history", "history-system")):
        seen = watch()
        fhir.get(f"{path}?_count=1")
        assert told(seen.only()) == (code, "E", "0")


def test_histories_that_show_nothing(fhir: FhirHttp, watch: Any, pulse: str) -> None:
    for path in (
        f"{pulse}/_history?_since=2999",
        "Flag/_history",
        "_history?_since=2999",
        f"{pulse}/_history?_count=0",
    ):
        seen = watch()
        assert fhir.get(path).status_code == 200
        assert told(seen.only())[0].startswith("history-")


def test_a_delete_of_nothing(fhir: FhirHttp, watch: Any) -> None:
    seen = watch()
    fhir.delete("Observation/nothing")
    assert told(seen.only()) == ("delete", "D", "0")
    assert touched(seen.only()) == {"Observation/nothing"}


def test_the_open_pages_leave_none(server: RunningServer, watch: Any) -> None:
    seen = watch()
    server.anonymous().get("metadata")
    server.anonymous().get(server.base_url.removesuffix("/fhir") + "/health/ready")
    assert seen.events() == []


# --- what did not succeed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "interaction"),
    [
        ("GET", "Observation/nothing", "read"),
        ("GET", "Observation/nothing/_history/1", "vread"),
        ("GET", "Observation/nothing/_history", "history-instance"),
        ("GET", "Observation?colour=blue", "search-type"),
        ("DELETE", "Observation?colour=blue", "delete"),
    ],
)
def test_a_failure_is_told_in_the_trail(
    fhir: FhirHttp, watch: Any, method: str, path: str, interaction: str
) -> None:
    seen = watch()
    assert fhir.request(method, path).status_code in (400, 404)
    event = seen.only()
    assert told(event)[0] == interaction
    assert event["outcome"] == "4"
    assert event["outcomeDesc"]


def test_writes_that_fail_are_told(fhir: FhirHttp, watch: Any, pulse: str) -> None:
    seen = watch()
    fhir.post("Observation", {"resourceType": "Observation"})
    fhir.put(pulse, {"resourceType": "Observation"})
    fhir.put(pulse, observation("Patient/1", id=pulse[12:]), headers={"If-Match": 'W/"9"'})
    fhir.patch(pulse, [{"op": "remove", "path": "/nothing"}])
    events = seen.events()
    assert [told(e)[0] for e in events] == ["create", "update", "update", "patch"]
    assert {e["outcome"] for e in events} == {"4"}


def test_a_denied_access_is_told(server: RunningServer, watch: Any, pulse: str) -> None:
    client = server.client("system/Patient.r")
    seen = watch()
    problem(client.get(pulse), 403)
    problem(client.delete(pulse), 403)
    problem(client.get("Observation?"), 403)
    denied = [(told(e)[0], e["outcome"]) for e in seen.events()]
    assert denied == [("read", "4"), ("delete", "4"), ("search-type", "4")]


def test_the_attempt_of_a_patient_is_in_that_patient_s_trail(
    server: RunningServer, fhir: FhirHttp, watch: Any, pulse: str
) -> None:
    other = create(fhir, patient())["id"]
    app = server.client("patient/*.rs", other)
    seen = watch()
    problem(app.get(pulse), 404)
    event = seen.only()
    assert event["outcome"] == "4"
    assert f"Patient/{other}" in touched(event)
    assert total(app, f"AuditEvent?_id={event['id']}") == 1


def test_the_attempt_to_read_another_patient_is_in_the_own_trail_only(
    server: RunningServer, fhir: FhirHttp, watch: Any, owner: str
) -> None:
    other = create(fhir, patient())["id"]
    app = server.client("patient/*.rs", other)
    seen = watch()
    problem(app.get(f"Patient/{owner}"), 404)
    event = seen.only()
    assert total(app, f"AuditEvent?_id={event['id']}") == 1
    assert total(server.client("patient/*.rs", owner), f"AuditEvent?_id={event['id']}") == 0
    assert total(fhir, f"AuditEvent?entity-name=Patient/{owner}&_id={event['id']}") == 1


# --- Bundles ----------------------------------------------------------------------------------------


def test_a_transaction_leaves_the_events_of_its_entries(
    fhir: FhirHttp, watch: Any, owner: str, pulse: str
) -> None:
    gone = create(fhir, observation(f"Patient/{owner}"))["id"]
    resource = observation(f"Patient/{owner}", id=pulse[12:])
    seen = watch()
    answer = fhir.post(
        "",
        transaction(
            entry("POST", "Observation", observation(f"Patient/{owner}")),
            entry("POST", "Observation", observation(f"Patient/{owner}")),
            entry("PUT", pulse, resource),
            entry("DELETE", f"Observation/{gone}"),
            entry("GET", f"Patient/{owner}"),
        ),
    )
    assert answer.status_code == 200
    events = {told(e)[0]: e for e in seen.events()}
    assert set(events) == {"create", "update", "delete", "read"}
    assert len(seen.events()) == 4
    rows = [row["response"] for row in entries(body(answer))]
    created = {row["location"] for row in rows if row["status"] == "201"}
    assert touched(events["create"]) == created | {f"Patient/{owner}"}


def test_a_transaction_that_failed_leaves_one_event(fhir: FhirHttp, watch: Any, owner: str) -> None:
    seen = watch()
    row = entry("POST", "Observation", observation(f"Patient/{owner}"))
    assert fhir.post("", transaction(row, entry("GET", "Patient/nothing"))).status_code == 404
    assert told(seen.only()) == ("transaction", "E", "4")


def test_a_batch_leaves_the_events_of_its_entries(fhir: FhirHttp, watch: Any, owner: str) -> None:
    seen = watch()
    fhir.post("", batch(entry("GET", f"Patient/{owner}"), entry("GET", "Patient/nothing")))
    assert sorted((told(e)[0], e["outcome"]) for e in seen.events()) == [("read", "0"), ("read", "4")]


def test_clients_cannot_change_the_trail(fhir: FhirHttp) -> None:
    event = entries(body(fhir.get("AuditEvent?_count=1")))[0]["resource"]
    path = f"AuditEvent/{event['id']}"
    change = [{"op": "replace", "path": "/outcome", "value": "0"}]
    for answer in (
        fhir.put(path, event),
        fhir.delete(path),
        fhir.patch(path, change),
        fhir.delete(f"AuditEvent?_id={event['id']}"),
        fhir.put(f"AuditEvent?_id={event['id']}", event),
        fhir.patch(f"AuditEvent?_id={event['id']}", change),
        fhir.post("", transaction(entry("PUT", path, event))),
        fhir.post("", transaction(entry("DELETE", path))),
        fhir.post("", transaction(entry("DELETE", f"AuditEvent?_id={event['id']}"))),
    ):
        problem(answer, 405)
    row = entries(body(fhir.post("", batch(entry("DELETE", path)))))[0]
    assert row["response"]["status"] == "405"
    assert body(fhir.get(path)) == event


def test_64_threads_lose_no_event(server: RunningServer, fhir: FhirHttp) -> None:
    owner = create(fhir, patient())["id"]
    token = server.inside.issue_token(scope="system/*.cruds", client_id="crowd")

    def read(number: int) -> int:
        headers = {"X-Request-Id": f"crowd-{number}"}
        return FhirHttp(server.base_url, token).get(f"Patient/{owner}", headers=headers).status_code

    with ThreadPoolExecutor(64) as pool:
        assert set(pool.map(read, range(256))) == {200}
    found = [
        e["what"]["identifier"]["value"]
        for page in pages(fhir, f"AuditEvent?patient={owner}&subtype=read&_count=100")
        for row in entries(page)
        for e in row["resource"]["entity"]
        if "identifier" in e.get("what", {})
    ]
    assert sorted(found) == sorted(f"crowd-{n}" for n in range(256))
