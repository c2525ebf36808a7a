"""$dmp-open and its neighbours: the life of a record, by the same rules as a posted Consent."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from fhir_server.fhir.labels import MASQUE_PS, labels_of
from fhir_server.operations.dmp_record import WAYS
from fhir_server.policy.consent_authors import changes
from tests.examples import body, create, patient, problem
from tests.http_client import FhirHttp
from tests.records import decision, open_record, professional, represent, state
from tests.running_server import RunningServer


@pytest.fixture
def record(fhir: FhirHttp) -> str:
    return str(create(fhir, patient("life"))["id"])


def go(client: FhirHttp, record: str, name: str, reason: str = "") -> Any:
    rows = [{"name": "reason", "valueString": reason}] if reason else []
    return client.post(f"Patient/{record}/${name}", {"resourceType": "Parameters", "parameter": rows})


def went(answer: Any) -> tuple[str, str]:
    rows = {row["name"]: row for row in body(answer)["parameter"]}
    return rows["state"]["valueCode"], rows["since"]["valueInstant"]


def consents(client: FhirHttp, record: str) -> list[dict[str, Any]]:
    found = body(client.get(f"Consent?patient={record}&_sort=-_lastUpdated"))
    return [entry["resource"] for entry in found.get("entry", [])]


def test_a_life_goes_from_announcement_to_deletion(
    server: RunningServer, fhir: FhirHttp, record: str
) -> None:
    holder = server.client("patient/*.cruds", record)
    assert went(go(fhir, record, "dmp-announce"))[0] == "announced"
    assert went(go(holder, record, "dmp-oppose"))[0] == "opposed"
    for name, reached in [
        ("dmp-open", "open"),
        ("dmp-close", "closed"),
        ("dmp-reopen", "open"),
        ("dmp-delete", "deleting"),
    ]:
        assert went(go(holder, record, name))[0] == reached
        told = body(fhir.get(f"Patient/{record}/$dmp-access"))["parameter"]
        assert told[0] == {"name": "state", "valueCode": reached}
    problem(go(holder, record, "dmp-reopen"), 422)  # until the deletion is over
    problem(go(holder, record, "dmp-close"), 403)
    assert went(go(fhir, record, "dmp-close"))[0] == "closed"
    assert went(go(fhir, record, "dmp-decease"))[0] == "deceased"
    problem(go(holder, record, "dmp-reopen"), 422)
    assert len(consents(fhir, record)) == 8


PATHS = {
    "none": [],
    "announced": ["announced"],
    "opposed": ["opposed"],
    "open": ["open"],
    "closed": ["open", "closed"],
    "deleting": ["open", "deleting"],
    "deceased": ["open", "deceased"],
}
NAMES = {one.to: name for name, one in WAYS.items() if name != "dmp-reopen"}


@pytest.mark.parametrize("start", PATHS)
@pytest.mark.parametrize("end", NAMES)
def test_an_operation_and_a_posted_consent_obey_the_same_table(
    server: RunningServer, fhir: FhirHttp, start: str, end: str
) -> None:
    name = "dmp-reopen" if (start, end) == ("closed", "open") else NAMES[end]
    for is_holder in (True, False):
        pair = [str(create(fhir, patient("two"))["id"]) for _ in range(2)]
        for one, step in itertools.product(pair, PATHS[start]):
            create(fhir, state(one, step))
        first, second = (server.client("patient/*.cruds", one) if is_holder else fhir for one in pair)
        posted = first.post("Consent", state(pair[0], end)).status_code
        asked = go(second, pair[1], name).status_code
        assert (posted, asked) in {(201, 200), (403, 403), (422, 422)}
        by_holder = changes().get((start, end), None if start != end else True)
        assert asked == (422 if by_holder is None else 200 if by_holder or not is_holder else 403)


def test_nobody_else_moves_a_record(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    open_record(fhir, record, treating=["Practitioner/mt"])
    represent(fhir, record, "RelatedPerson/mother")
    create(
        fhir,
        decision(record, "caregiver", actors=["RelatedPerson/aid"], provision={"period": {"start": "2020"}}),
    )
    problem(go(professional(server, "mt"), record, "dmp-close"), 403)
    problem(go(professional(server, "mt"), record, "dmp-open"), 403)  # it is open, and not hers to say
    problem(go(server.client("user/*.cruds", record, "RelatedPerson/aid"), record, "dmp-close"), 403)
    problem(go(server.client("patient/*.cruds", "other"), record, "dmp-close"), 404)
    problem(go(server.client("patient/*.rs", record), record, "dmp-close"), 403)
    assert len(consents(fhir, record)) == 4
    mother = server.client("user/*.cruds", record, "RelatedPerson/mother")
    assert went(go(mother, record, "dmp-close"))[0] == "closed"


def test_asked_twice_nothing_is_written_and_the_deadline_runs_on(fhir: FhirHttp, record: str) -> None:
    first = went(go(fhir, record, "dmp-announce"))
    assert went(go(fhir, record, "dmp-announce")) == first
    assert len(consents(fhir, record)) == 1
    create(fhir, state(record, "announced"))  # a posted one is kept, and changes nothing either
    assert went(go(fhir, record, "dmp-announce")) == first


def test_a_reason_is_kept_and_hidden_from_professionals(
    server: RunningServer, fhir: FhirHttp, record: str
) -> None:
    holder = server.client("patient/*.cruds", record)
    open_record(fhir, record, authorisation=["Practitioner/dr"])
    went(go(holder, record, "dmp-close", "Le docteur Malvoisin ne m'écoute pas."))
    went(go(holder, record, "dmp-reopen"))
    [kept] = [one for one in consents(holder, record) if "text" in one["provision"].get("code", [{}])[0]]
    assert kept["provision"]["code"][0]["text"] == "Le docteur Malvoisin ne m'écoute pas."
    assert labels_of(kept) == MASQUE_PS
    checked = body(fhir.post("Consent/$validate", kept))
    assert [one for one in checked["issue"] if one["severity"] in ("error", "fatal")] == []
    doctor = professional(server, "dr")
    problem(doctor.get(f"Consent/{kept['id']}"), 404)
    assert kept["id"] not in [one["id"] for one in consents(doctor, record)]
    assert "Malvoisin" not in doctor.get(f"Consent?patient={record}").text


@pytest.mark.parametrize("reason", ["x" * 1001, "a\x00b", "a\x1bb"])
def test_a_reason_that_is_no_short_text_is_refused(fhir: FhirHttp, record: str, reason: str) -> None:
    issue = problem(go(fhir, record, "dmp-announce", reason), 400)
    assert issue["severity"] == "error"
    assert consents(fhir, record) == []


def test_what_is_wrong_is_told(fhir: FhirHttp, record: str) -> None:
    assert fhir.get(f"Patient/{record}/$dmp-open").headers["Allow"] == "POST"
    problem(go(fhir, "nobody", "dmp-open"), 404)
    problem(fhir.post(f"Patient/{record}/$dmp-open?other=1", {"resourceType": "Parameters"}), 400)
    problem(fhir.post("Observation/1/$dmp-open", {"resourceType": "Parameters"}), 404)
    assert problem(go(fhir, record, "dmp-close"), 422)["expression"] == ["Patient.id"]
    fhir.delete(f"Patient/{record}")
    problem(go(fhir, record, "dmp-open"), 410)


def test_in_a_bundle_it_is_done_with_the_others_or_not_at_all(fhir: FhirHttp, record: str) -> None:
    def entries(*urls: str) -> dict[str, Any]:
        rows = [{"request": {"method": "POST", "url": url}, "resource": EMPTY} for url in urls]
        return {"resourceType": "Bundle", "type": "transaction", "entry": rows}

    problem(fhir.post("", entries(f"Patient/{record}/$dmp-open", "Patient/nobody/$dmp-open")), 404)
    assert consents(fhir, record) == []
    assert fhir.post("", entries(f"Patient/{record}/$dmp-open")).status_code == 200
    assert body(fhir.get(f"Patient/{record}/$dmp-access"))["parameter"][0]["valueCode"] == "open"
    batch = {**entries(f"Patient/{record}/$dmp-close", f"Patient/{record}/$dmp-oppose"), "type": "batch"}
    rows = body(fhir.post("", batch))["entry"]
    assert [row["response"]["status"] for row in rows] == ["200", "422"]


EMPTY = {"resourceType": "Parameters", "parameter": []}


def test_parents_decide_of_a_record_that_they_cannot_read(
    server: RunningServer, fhir: FhirHttp, record: str
) -> None:
    create(fhir, state(record, "announced"))
    represent(fhir, record, "RelatedPerson/mother")
    aid = decision(record, "caregiver", actors=["RelatedPerson/aid"], provision={"period": {"start": "2020"}})
    create(fhir, aid)
    past = {"period": {"start": "2020-01-01", "end": "2021-01-01"}}
    create(fhir, decision(record, "representative", actors=["RelatedPerson/late"], provision=past))
    mother, aidant, late, stranger = (
        server.client("user/*.cruds", record, f"RelatedPerson/{name}")
        for name in ("mother", "aid", "late", "stranger")
    )
    block = decision(record, "block", "deny", actors=["Practitioner/x"])
    free = {name: value for name, value in block.items() if name != "policy"}
    for client in (aidant, late, stranger):
        problem(go(client, record, "dmp-oppose"), 403)
        problem(client.post("Consent", state(record, "opposed")), 403)
    for one in (block, {**free, "policyRule": {"text": "as we wish"}}):
        problem(mother.post("Consent", one), 403)
    problem(mother.get(f"Patient/{record}"), 403)
    assert went(go(mother, record, "dmp-oppose"))[0] == "opposed"
    problem(go(mother, record, "dmp-decease"), 403)
    assert went(go(mother, record, "dmp-open"))[0] == "open"
    assert mother.post("Consent", block).status_code == 201
    assert mother.post("Consent", state(record, "closed")).status_code == 201
    problem(go(late, record, "dmp-reopen"), 403)
    assert went(go(mother, record, "dmp-reopen"))[0] == "open"
    assert mother.get(f"Patient/{record}").status_code == 200
