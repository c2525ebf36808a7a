"""A token bound to one patient: what is another's is exactly as if it were not (docs/decisions/0004)."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.examples import (
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
from tests.running_server import RunningServer
from tests.security.asks import ASKS, seen
from tests.security.conftest import Record


@pytest.mark.parametrize("kind", ["Patient", "Observation", "deleted Observation"])
@pytest.mark.parametrize("name", ASKS)
def test_what_is_another_s_is_as_if_it_were_not(
    fhir: FhirHttp, carol: Record, bob: Record, name: str, kind: str
) -> None:
    reference = f"Patient/{bob.patient}" if kind == "Patient" else bob.pulse
    if kind.startswith("deleted"):
        reference = f"Observation/{create(fhir, observation(f'Patient/{bob.patient}'))['id']}"
        fhir.delete(reference)
    before = fhir.get(f"{reference}/_history").json()["entry"]
    type_, _, id_ = reference.partition("/")
    absent = str(uuid.uuid4())
    hidden_answer = ASKS[name](carol.app, reference)
    absent_answer = ASKS[name](carol.app, f"{type_}/{absent}")
    assert seen(hidden_answer, id_) == seen(absent_answer, absent)
    assert hidden_answer.status_code < 500
    assert bob.patient not in hidden_answer.text.replace(id_, "")
    assert fhir.get(f"{reference}/_history").json()["entry"] == before


@pytest.mark.parametrize(
    ("header", "query"),
    [
        ("If-None-Exist", "identifier=bob"),
        ("If-None-Exist", "family=bob"),
    ],
)
def test_a_conditional_create_does_not_probe(
    server: RunningServer, fhir: FhirHttp, bob: Record, header: str, query: str
) -> None:
    owner = create(fhir, patient())["id"]
    app = server.client("patient/*.cruds", owner)
    answers = [
        app.post("Observation", observation(f"Patient/{owner}"), headers={header: f"identifier={key}"})
        for key in ("bob-pulse", "nobody-has-this")
    ]
    assert [a.status_code for a in answers] == [201, 201]
    answers = [app.post("Patient", patient(), headers={header: q}) for q in (query, "identifier=nobody")]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].text == answers[1].text


@pytest.mark.parametrize("query", ["identifier=bob", "family=bob"])
def test_a_conditional_reference_does_not_probe(alice: Record, bob: Record, query: str) -> None:
    known, unknown = (
        alice.app.post("", transaction(entry("POST", "Observation", observation(f"Patient?{q}"))))
        for q in (query, "identifier=nobody")
    )
    assert known.status_code == unknown.status_code
    assert known.text.replace(query, "") == unknown.text.replace("identifier=nobody", "")


def test_the_own_record_is_open(alice: Record) -> None:
    app = alice.app
    assert app.get(f"Patient/{alice.patient}").status_code == 200
    assert app.get(alice.pulse).headers["ETag"] == 'W/"2"'
    assert app.get(f"{alice.pulse}/_history/1").status_code == 200
    assert body(app.get(f"{alice.pulse}/_history"))["total"] == 2
    stored = create(app, observation(f"Patient/{alice.patient}"))
    path = f"Observation/{stored['id']}"
    assert app.put(path, stored).status_code == 200
    assert app.delete(path).status_code == 204
    problem(app.get(path), 410)
    assert app.post("", transaction(entry("GET", alice.pulse))).status_code == 200


@pytest.mark.parametrize(
    "path", ["Patient", "Observation", "AuditEvent", "Observation/_history", "_history", "Patient/_history"]
)
def test_feeds_and_searches_show_the_own_record_only(
    fhir: FhirHttp, carol: Record, bob: Record, path: str
) -> None:
    for record in (carol, bob):
        fhir.get(f"Patient/{record.patient}")
    found = 0
    for page in pages(carol.app, f"{path}?_count=5"):
        text = json.dumps(page)
        assert bob.patient not in text
        assert bob.pulse not in text
        found += len(entries(page))
    assert found


def test_totals_count_the_own_record_only(alice: Record, bob: Record) -> None:
    for query in (
        "Patient?_total=accurate",
        "Patient?_summary=count",
        "Patient?_count=0",
        "Patient/_history?_count=0",
    ):
        assert body(alice.app.get(query))["total"] == 1


def test_a_resource_cannot_be_made_in_or_moved_to_another_record(
    fhir: FhirHttp, alice: Record, bob: Record
) -> None:
    theirs = observation(f"Patient/{bob.patient}")
    nobody = observation("Patient/does-not-exist")
    both = observation(f"Patient/{alice.patient}", performer=[{"reference": f"Patient/{bob.patient}"}])
    before = total(fhir, "Observation?")
    for resource in (theirs, nobody):
        problem(alice.app.post("Observation", resource), 403)
        problem(alice.app.post("", transaction(entry("POST", "Observation", resource))), 403)
        problem(alice.app.put(alice.pulse, resource | {"id": alice.pulse[12:]}), 403)
        change = [{"op": "replace", "path": "/subject", "value": resource["subject"]}]
        problem(alice.app.patch(alice.pulse, change), 403)
    assert (
        alice.app.post("Observation", theirs).status_code == alice.app.post("Observation", nobody).status_code
    )
    problem(alice.app.post("Observation", both), 403)
    problem(alice.app.post("Observation", observation("Group/1")), 403)
    problem(alice.app.post("Patient", patient()), 403)
    assert total(fhir, "Observation?") == before


def test_what_was_moved_to_another_record_took_its_past_along(
    fhir: FhirHttp, alice: Record, bob: Record
) -> None:
    """A result filed under the wrong patient, then corrected."""
    secret = uuid.uuid4().hex
    stored = create(fhir, observation(f"Patient/{bob.patient}", code={"text": secret}))
    path = f"Observation/{stored['id']}"
    fhir.put(path, observation(f"Patient/{alice.patient}", id=stored["id"]))
    assert alice.app.get(path).status_code == 200
    problem(alice.app.get(f"{path}/_history/1"), 404)
    rows = body(alice.app.get(f"{path}/_history"))
    assert [row["response"]["etag"] for row in entries(rows)] == ['W/"2"']
    assert rows["total"] == 1
    assert secret not in alice.app.get("Observation/_history?_count=100").text
    problem(bob.app.get(path), 404)
    problem(bob.app.get(f"{path}/_history/1"), 404)
    problem(bob.app.get(f"{path}/_history"), 404)


@pytest.mark.parametrize("type_", ["Bundle", "Subscription", "Task", "Parameters"])
def test_types_of_no_record_are_closed(fhir: FhirHttp, alice: Record, type_: str) -> None:
    problem(alice.app.get(f"{type_}/1"), 403)
    problem(alice.app.get(type_), 403)
    problem(alice.app.get(f"{type_}/_history"), 403)


def test_shared_types_can_be_read_and_not_written(fhir: FhirHttp, alice: Record) -> None:
    stored = create(fhir, {"resourceType": "Organization", "name": "Hôpital"})
    path = f"Organization/{stored['id']}"
    assert alice.app.get(path).status_code == 200
    assert alice.app.get("Organization").status_code == 200
    problem(alice.app.put(path, stored), 403)
    problem(alice.app.delete(path), 403)
    problem(alice.app.post("Organization", {"resourceType": "Organization", "name": "x"}), 403)


def test_what_is_in_two_records_is_in_none_for_apps(fhir: FhirHttp, alice: Record, bob: Record) -> None:
    members = [{"entity": {"reference": f"Patient/{p}"}} for p in (alice.patient, bob.patient)]
    group = create(fhir, {"resourceType": "Group", "type": "person", "actual": True, "member": members})
    for app in (alice.app, bob.app):
        problem(app.get(f"Group/{group['id']}"), 404)
        assert total(app, "Group?") == 0


def test_a_failed_transaction_of_an_app_leaves_nothing(fhir: FhirHttp, alice: Record, bob: Record) -> None:
    before = total(fhir, "Observation?")
    rows = [
        entry("POST", "Observation", observation(f"Patient/{alice.patient}")),
        entry("GET", bob.pulse),
    ]
    issue = problem(alice.app.post("", transaction(*rows)), 404)
    assert issue["expression"][0].startswith("Bundle.entry[1]")
    assert total(fhir, "Observation?") == before


def test_urn_uuids_do_not_lead_into_another_record(fhir: FhirHttp, alice: Record, bob: Record) -> None:
    name = f"urn:uuid:{uuid.uuid4()}"
    rows = [
        entry("PUT", f"Patient/{bob.patient}", patient(id=bob.patient), name),
        entry("POST", "Observation", observation(name)),
    ]
    answer = alice.app.post("", transaction(*rows))
    assert answer.status_code in (403, 404)
    assert fhir.get(f"Patient/{bob.patient}").headers["ETag"] == 'W/"1"'
