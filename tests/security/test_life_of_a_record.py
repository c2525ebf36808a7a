"""A record that was deleted is nowhere but in the trail and in the proof; the others are whole.

CSP R1111-36, L1111-18; docs/security/life-of-a-record.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from fhir_server.fhir.instant import now_ms
from fhir_server.jobs.record_purge import RecordPurge, years_before
from fhir_server.search.primary_date import DAY_MS
from fhir_server.storage.oauth.access_tokens import TokenFacts
from fhir_server.storage.oauth.families import Authorized
from fhir_server.storage.oauth.grants import GrantParties
from fhir_server.storage.stored import decompress
from tests.examples import create, observation, patient, problem
from tests.http_client import FhirHttp
from tests.records import decision, document, open_record, professional, state
from tests.running_server import RunningServer, run_server

KEPT = {"AuditEvent", "purges", "seals", "seal_heads"}
SECRET = "Zwirbelkraut"
EMPTY = {"resourceType": "Parameters", "parameter": []}


@pytest.fixture
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    name = f"{database_name}_purge"
    with run_server(mongodb_uri, name) as running:
        yield running
        running.inside.mongo.client.drop_database(name)


@pytest.fixture
def fhir(server: RunningServer) -> FhirHttp:
    return server.client()


@dataclass
class Life:
    """A record with something of everything that a record may have."""

    patient: str
    holder: FhirHttp


def live(server: RunningServer, fhir: FhirHttp, text: str) -> Life:
    name = str(create(fhir, patient(text, name=[{"family": text}]))["id"])
    fhir.put(f"Patient/{name}", patient(text, id=name, name=[{"family": text, "given": ["Ada"]}]))
    open_record(fhir, name, authorisation=["Practitioner/dr"], block=["Practitioner/other"])
    holder, dr = server.client("patient/*.cruds", name), professional(server, "dr")
    pulse = create(fhir, observation(f"Patient/{name}", note=[{"text": text}]))
    fhir.put(f"Observation/{pulse['id']}", {**pulse, "note": [{"text": f"{text} again"}]})
    gone = create(fhir, observation(f"Patient/{name}", note=[{"text": text}]))
    fhir.delete(f"Observation/{gone['id']}")
    for client in (dr, holder):
        content = {"resourceType": "Binary", "contentType": "text/plain", "data": "WndpcmJlbGtyYXV0"}
        attachment = {"contentType": "text/plain", "url": f"Binary/{create(client, content)['id']}"}
        create(client, document(name, content=[{"attachment": attachment}], description=text))
        create(client, content)  # of a document that never came
    mother = create(fhir, {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{name}"}})
    period = {"period": {"start": "2020-01-01"}}
    create(fhir, decision(name, "representative", actors=[f"RelatedPerson/{mother['id']}"], provision=period))
    log_in(server, name)
    assert dr.get(f"Observation?patient={name}").status_code == 200
    return Life(name, holder)


def log_in(server: RunningServer, name: str) -> None:
    """Leaves account, grant and tokens of a holder, and the account of who represents others too."""
    accounts, oauth = server.inside.accounts, server.inside.oauth
    for kind, records in (("holder", [name]), ("both", ["somebody-else", name])):
        username = f"{kind}-{uuid4().hex}"
        user = f"Patient/{name}" if len(records) == 1 else "RelatedPerson/elsewhere"
        accounts.add(username=username, kind="patient", display=username, fhir_user=user, patients=records)
    grant = oauth.grants.decide(
        GrantParties("1", "app", name, f"Patient/{name}"), ["patient/*.rs"], remembered=True
    )
    authorized = Authorized("app", grant, "1", f"Patient/{name}", "patient/*.rs", (name,), name)
    family = oauth.families.find(oauth.families.begin(authorized))
    assert family is not None
    oauth.families.new_refresh_token(family)
    oauth.tokens.add(TokenFacts("app", "user/*.rs", patients=(name, "x"), fhir_user="Patient/x"), 600)


def database(server: RunningServer) -> Any:
    return server.inside.mongo.database


def texts(server: RunningServer) -> Iterator[tuple[str, str]]:
    """Yields all that is stored, as text, by collection; what is compressed is read."""
    for name in database(server).list_collection_names():
        if name not in KEPT:
            for row in database(server)[name].find():
                raw = decompress(row["z"]).decode() if "z" in row else ""
                yield name, f"{row} {raw}"


def found(server: RunningServer, *words: str) -> set[str]:
    return {name for name, text in texts(server) if any(word in text for word in words)}


def inventory(server: RunningServer, name: str) -> list[str]:
    return sorted(f"{collection} {text}" for collection, text in texts(server) if name in text)


def age(server: RunningServer, name: str, days: float) -> None:
    since = {"$set": {"since": now_ms() - int(days * DAY_MS)}}
    assert database(server)["record_policies"].update_one({"_id": name}, since).matched_count == 1


def job(server: RunningServer) -> RecordPurge:
    return server.inside.record_purge()


def test_nothing_is_left_but_the_trail_and_the_proof(server: RunningServer, fhir: FhirHttp) -> None:
    mine, yours = live(server, fhir, SECRET), live(server, fhir, "Other")
    assert mine.holder.post(f"Patient/{mine.patient}/$dmp-delete", EMPTY).status_code == 200
    before = inventory(server, yours.patient)
    assert len(found(server, mine.patient)) > 12
    assert list(job(server).run(now_ms() + 29 * DAY_MS)) == []
    [proof] = job(server).run(now_ms() + 31 * DAY_MS)
    assert found(server, mine.patient, SECRET) == set()
    expected = {"Patient": 1, "Observation": 2, "DocumentReference": 2, "RelatedPerson": 1, "Consent": 5}
    assert expected.items() <= proof["before"].items()
    assert {"history", "outbox", "record_policies", "past_policies", "accounts", "oauth_grants"} <= set(
        proof["before"]
    )
    assert proof["before"]["Binary"] >= 3
    assert set(proof["after"].values()) == {0}
    assert set(proof["after"]) == set(proof["before"])
    assert proof["named"] == {}
    assert database(server)["purges"].find_one({"patient": mine.patient}) == proof
    assert inventory(server, yours.patient) == before
    rows = database(server)["accounts"].find({"username": {"$regex": "^both"}})
    assert sorted(len(row["patients"]) for row in rows) == [1, 2]
    assert database(server)["accounts"].count_documents({"username": {"$regex": "^holder"}}) == 1
    trail = fhir.get(f"AuditEvent?patient={mine.patient}&_count=200").json()["entry"]
    codes = [one["resource"]["subtype"][0]["code"] for one in trail if "subtype" in one["resource"]]
    assert codes.count("record-purged") == 1
    assert "create" in codes
    problem(mine.holder.get(f"Patient/{mine.patient}"), 401)
    assert list(job(server).run(now_ms() + 40 * DAY_MS)) == []


@pytest.mark.parametrize(("last", "years"), [("closed", 10), ("deceased", 10)])
def test_what_is_closed_is_kept_for_ten_years_and_no_longer(
    server: RunningServer, fhir: FhirHttp, last: str, years: int
) -> None:
    life, open_one = live(server, fhir, SECRET), live(server, fhir, "Other")
    create(fhir, state(life.patient, last))
    now = now_ms()
    since = years_before(now, years)
    rows = database(server)["record_policies"]
    for name in (life.patient, open_one.patient):
        rows.update_one({"_id": name}, {"$set": {"since": since + 1}})
    assert list(job(server).run(now)) == []
    rows.update_one({"_id": life.patient}, {"$set": {"since": since}})
    assert [one["patient"] for one in job(server).due(now)] == [life.patient]
    assert found(server, SECRET)
    assert [one["state"] for one in job(server).run(now)] == [last]
    assert found(server, life.patient, SECRET) == set()
    assert found(server, open_one.patient)


class Died(Exception):
    """The process, in the middle."""


def test_a_run_that_dies_anywhere_is_finished_by_the_next(server: RunningServer, fhir: FhirHttp) -> None:
    life = live(server, fhir, SECRET)
    create(fhir, state(life.patient, "deleting"))
    later = now_ms() + 31 * DAY_MS
    counts: list[dict[str, int]] = []
    steps = 0

    def dying(after: int) -> Callable[[str], None]:
        left = iter(range(after))

        def erased(name: str) -> None:
            if next(left, None) is None:
                raise Died(name)

        return erased

    while True:
        try:
            [proof] = job(server).run(later, dying(steps))
            break
        except Died:
            counts.append(job(server).purges.count(life.patient))
            [under_way] = job(server).due(later)
            assert under_way["before"] == counts[-1]
            # Nobody gets a record back of which a part is gone already.
            assert life.holder.post(f"Patient/{life.patient}/$dmp-reopen", EMPTY).status_code >= 400
            steps += 1
    assert steps > 15
    assert counts[0]["Observation"] == 2
    assert counts[-1] == {}
    assert proof["before"]["Observation"] == 2
    assert found(server, life.patient, SECRET) == set()
    assert len(list(database(server)["purges"].find())) == 1


def test_a_record_that_was_taken_back_is_left_alone(server: RunningServer, fhir: FhirHttp) -> None:
    life = live(server, fhir, SECRET)
    create(fhir, state(life.patient, "deleting"))
    age(server, life.patient, 31)
    claimed = job(server).purges.claim(life.patient, "deleting", now_ms(), now_ms())
    assert claimed is not None
    assert job(server).purges.claim(life.patient, "deleting", now_ms(), now_ms()) is None
    create(fhir, state(life.patient, "closed"))
    [row] = job(server).run(now_ms())
    assert "abandoned" in row
    assert found(server, SECRET)
    assert list(job(server).run(now_ms())) == []
    assert life.holder.post(f"Patient/{life.patient}/$dmp-reopen", EMPTY).status_code == 200


def test_a_consent_that_is_changed_brings_no_deadline_forward(server: RunningServer, fhir: FhirHttp) -> None:
    name = str(create(fhir, patient("changed"))["id"])
    create(fhir, state(name, "open"))
    create(fhir, state(name, "closed"))
    opened = create(fhir, state(name, "open"))
    url, began = f"Consent/{opened['id']}", now_ms()
    problem(fhir.put(url, {**state(name, "closed"), "id": opened["id"]}), 422)
    assert fhir.put(url, {**opened, "language": "fr"}).status_code == 200
    create(fhir, state(name, "closed"))
    policy = database(server)["record_policies"].find_one({"_id": name})
    assert (policy["state"], policy["since"] >= began) == ("closed", True)


def test_what_others_wrote_of_the_patient_is_theirs_and_is_told(
    server: RunningServer, fhir: FhirHttp
) -> None:
    life, other = live(server, fhir, SECRET), live(server, fhir, "Other")
    members = [{"entity": {"reference": f"Patient/{one.patient}"}} for one in (life, other)]
    create(fhir, {"resourceType": "Group", "type": "person", "actual": True, "member": members})
    create(fhir, state(life.patient, "deleting"))
    [proof] = job(server).run(now_ms() + 31 * DAY_MS)
    assert proof["named"] == {"Group": 1}
    assert found(server, life.patient) == {"Group"}


@pytest.mark.parametrize(
    ("now", "then"),
    [("2036-11-26", "2026-11-26"), ("2028-02-29", "2018-02-28"), ("2038-03-01", "2028-03-01")],
)
def test_ten_years_are_those_of_the_calendar(now: str, then: str) -> None:
    moment = int(datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp() * 1000)
    assert datetime.fromtimestamp(years_before(moment, 10) / 1000, UTC).date().isoformat() == then
