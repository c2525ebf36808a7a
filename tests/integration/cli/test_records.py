"""`fhir-server records`: what time does to records, and does once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli import main
from fhir_server.fhir.instant import now_ms
from fhir_server.fhir.labels import INVISIBLE_PATIENT, MASQUE_PS
from fhir_server.search.primary_date import DAY_MS
from fhir_server.storage.outbox import Outbox
from tests.examples import body, create, patient, problem
from tests.http_client import FhirHttp
from tests.records import decision, document, open_record, professional, state
from tests.running_server import RunningServer, run_server


@pytest.fixture
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    name = f"{database_name}_life"
    with run_server(mongodb_uri, name) as running:
        yield running
        running.inside.mongo.client.drop_database(name)


@pytest.fixture
def fhir(server: RunningServer) -> FhirHttp:
    return server.client()


def records(server: RunningServer, *arguments: str, **environ: str) -> Result:
    settings = server.inside.settings
    where = {"MONGODB_URI": settings.mongodb_uri, "MONGODB_DATABASE": settings.mongodb_database}
    return CliRunner().invoke(main, ["records", *arguments], env={**where, **environ})


def database(server: RunningServer) -> Any:
    return server.inside.mongo.database


def person(fhir: FhirHttp, *states: str) -> str:
    name = str(create(fhir, patient("time"))["id"])
    for one in states:
        create(fhir, state(name, one))
    return name


def age(server: RunningServer, name: str, days: float) -> None:
    """Lets a record have had its state for some days."""
    since = {"$set": {"since": now_ms() - int(days * DAY_MS)}}
    assert database(server)["record_policies"].update_one({"_id": name}, since).matched_count == 1


def state_of(fhir: FhirHttp, name: str) -> str:
    rows = body(fhir.get(f"Patient/{name}/$dmp-access"))["parameter"]
    return str(rows[0]["valueCode"])


def test_six_weeks_after_its_announcement_a_record_opens_unless_it_is_opposed(
    server: RunningServer, fhir: FhirHttp
) -> None:
    due, young, opposed = (person(fhir, "announced") for _ in range(3))
    create(fhir, state(opposed, "opposed"))
    for name, days in ((due, 42.01), (young, 41.9), (opposed, 100.0)):
        age(server, name, days)
    first = records(server, "timers")
    assert (first.exit_code, first.stdout) == (0, "1 opened, 0 visible again, 0 of age\n"), first.output
    assert [state_of(fhir, name) for name in (due, young, opposed)] == ["open", "announced", "opposed"]
    assert records(server, "timers").stdout.startswith("0 opened")
    assert body(fhir.get(f"Consent?patient={due}"))["total"] == 2
    assert records(server, "timers", OPPOSITION_DAYS="41").stdout.startswith("1 opened")
    trail = body(fhir.get(f"AuditEvent?patient={young}&action=C&agent:identifier=fhir-server"))
    assert trail["total"] >= 1


def test_a_record_without_a_date_waits_and_is_told(server: RunningServer, fhir: FhirHttp) -> None:
    name = person(fhir, "announced")
    database(server)["record_policies"].update_one({"_id": name}, {"$unset": {"since": ""}})
    told = records(server, "timers", OPPOSITION_DAYS="0")
    assert "1 announced records have no date" in told.stderr
    assert state_of(fhir, name) == "announced"
    assert fhir.post(f"Patient/{name}/$dmp-announce", EMPTY).status_code == 200
    assert records(server, "timers", OPPOSITION_DAYS="0").stdout.startswith("1 opened")


def test_one_record_that_cannot_be_opened_does_not_keep_the_others(
    server: RunningServer, fhir: FhirHttp
) -> None:
    broken, due = person(fhir, "announced"), person(fhir, "announced")
    other = person(fhir, "announced")
    for holder, helper in ((broken, "1"), (broken, "2"), (broken, "3"), (other, "4")):
        period = {"provision": {"period": {"start": "2020"}}}
        fourth = create(fhir, decision(holder, "caregiver", actors=[f"RelatedPerson/{helper}"], **period))
    # Four aidants, as only a fault of the database could bring them about.
    database(server)["Consent"].update_one({"_id": fourth["id"]}, {"$set": {"p": broken}})
    for name, days in ((broken, 51), (due, 50)):
        age(server, name, days)
    result = records(server, "timers")
    assert (result.exit_code, result.stdout[:8]) == (1, "1 opened"), result.output
    assert f"Patient/{broken} was not opened: a record has at most 3 aidants" in result.stderr
    assert [state_of(fhir, name) for name in (broken, due)] == ["announced", "open"]


def notices(server: RunningServer, code: str) -> list[tuple[str, str]]:
    rows = Outbox(server.inside.mongo).waiting()
    return [(row["recipient"], row["about"]) for row in rows if row["code"] == code]


def test_what_was_hidden_from_the_patient_is_told_once_when_its_month_is_over(
    server: RunningServer, fhir: FhirHttp
) -> None:
    name = person(fhir, "open")
    doctor = professional(server, "dr")
    open_record(fhir, name, authorisation=["Practitioner/dr"])
    hidden = create(doctor, document(name, labels=INVISIBLE_PATIENT))
    later = create(doctor, document(name, labels=INVISIBLE_PATIENT))
    create(doctor, document(name, labels=MASQUE_PS))
    reference = f"DocumentReference/{hidden['id']}"
    inside = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "subject": {"reference": f"Patient/{name}"},
    }
    create(doctor, {**inside, "entry": [{"item": {"reference": reference}}]})
    for collection, row in (("DocumentReference", {"_id": hidden["id"]}), ("List", {"p": name})):
        changed = database(server)[collection].update_one(row, {"$set": {"iv": now_ms() - DAY_MS}})
        assert changed.matched_count == 1
    assert records(server, "timers").stdout == "0 opened, 1 visible again, 0 of age\n"
    assert records(server, "timers").stdout == "0 opened, 0 visible again, 0 of age\n"
    assert notices(server, "REMISE_VISIBILITE_AUTO") == [(f"Patient/{name}", reference)]
    timers = server.inside.record_timers()
    assert timers.run(now_ms() + 31 * DAY_MS, ["DocumentReference", "List"]).shown == 1
    found = notices(server, "REMISE_VISIBILITE_AUTO")
    assert [about for _, about in found] == [reference, f"DocumentReference/{later['id']}"]


def test_who_comes_of_age_is_reminded_once_and_whoever_was_of_age_is_not(
    server: RunningServer, fhir: FhirHttp
) -> None:
    born = {"adult": "1980-05-06", "child": "2020-02-03"}
    names = {
        kind: str(create(fhir, {**patient("age"), "birthDate": date})["id"]) for kind, date in born.items()
    }
    young = str(create(fhir, patient("age"))["id"])
    for name in (*names.values(), young):
        create(fhir, state(name, "open"))
    majority = {"$set": {"majority": now_ms() - 5 * DAY_MS}}
    database(server)["record_policies"].update_one({"_id": young}, majority)
    assert records(server, "timers").stdout == "0 opened, 0 visible again, 1 of age\n"
    assert records(server, "timers").stdout == "0 opened, 0 visible again, 0 of age\n"
    assert notices(server, "RAPPEL_CONSENT_PASSAGE_MAJO") == [(f"Patient/{young}", f"Patient/{young}")]


def test_a_purge_prints_its_proof_and_a_dry_run_changes_nothing(
    server: RunningServer, fhir: FhirHttp
) -> None:
    due, young = person(fhir, "open", "deleting"), person(fhir, "open", "deleting")
    age(server, due, 30.1)
    dry = records(server, "purge", "--dry-run")
    assert (dry.exit_code, "1 records are due" in dry.stderr) == (0, True), dry.output
    [counted] = map(json.loads, dry.stdout.splitlines())
    assert fhir.get(f"Patient/{due}").status_code == 200
    assert records(server, "purge", DELETION_DAYS="31").stdout == ""
    result = records(server, "purge")
    assert (result.exit_code, "1 records deleted" in result.stderr) == (0, True), result.output
    [proof] = map(json.loads, result.stdout.splitlines())
    assert (proof["patient"], proof["state"], proof["before"]) == (due, "deleting", counted["before"])
    assert proof["after"] == dict.fromkeys(proof["before"], 0)
    assert fhir.get(f"Patient/{due}").status_code == 404
    assert fhir.get(f"Patient/{young}").status_code == 200
    assert records(server, "purge").stdout == ""
    problem(fhir.get(f"Patient/{due}/_history"), 404)


def test_a_record_that_cannot_be_dated_is_told_and_kept(server: RunningServer, fhir: FhirHttp) -> None:
    name = person(fhir, "open", "closed")
    database(server)["record_policies"].update_one({"_id": name}, {"$unset": {"since": ""}})
    told = records(server, "purge", DELETION_DAYS="0")
    assert "1 records in deletion, closed or deceased have no date" in told.stderr
    assert fhir.get(f"Patient/{name}").status_code == 200


@pytest.mark.parametrize("setting", [{"ARCHIVE_YEARS": "9"}, {"DELETION_DAYS": "91"}])
def test_what_the_law_does_not_allow_cannot_be_set(server: RunningServer, setting: dict[str, str]) -> None:
    assert records(server, "purge", **setting).exit_code == 1


EMPTY = {"resourceType": "Parameters", "parameter": []}
