"""What MongoDB holds: one document for bytes and index entries, history, tombstones, indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient, monitoring

from fhir_server.fhir.json import parse_json
from fhir_server.storage.mongo import OTHER_INDEXES, RESOURCE_INDEXES, Mongo
from fhir_server.storage.stored import decompress
from tests.examples import body, create, entries, entry, observation, patient, total, transaction
from tests.http_client import FhirHttp
from tests.running_server import RunningServer


@pytest.fixture(scope="module")
def database(server: RunningServer) -> Iterator[Any]:
    with MongoClient(server.inside.settings.mongodb_uri) as client:
        yield client[server.inside.settings.mongodb_database]


def test_bytes_and_index_entries_are_one_document(fhir: FhirHttp, database: Any) -> None:
    owner = create(fhir, patient("doc"))["id"]
    stored = create(fhir, observation(f"Patient/{owner}", effectiveDateTime="2024-05-06"))
    document = database["Observation"].find_one({"_id": stored["id"]})
    assert parse_json(decompress(document["z"])) == stored
    assert document["p"] == owner
    assert document["v"] == 1
    assert f"subject={owner}|Patient" in document["t"]
    assert any(row["k"] == "date" for row in document["r"])
    assert isinstance(document["z"], bytes)


def test_what_is_in_several_records_belongs_to_none(fhir: FhirHttp, database: Any) -> None:
    people = [create(fhir, patient())["id"] for _ in range(2)]
    stored = create(
        fhir,
        {
            "resourceType": "Group",
            "type": "person",
            "actual": True,
            "member": [{"entity": {"reference": f"Patient/{p}"}} for p in people],
        },
    )
    assert "p" not in database["Group"].find_one({"_id": stored["id"]})


def test_an_update_moves_the_old_version_whole(fhir: FhirHttp, database: Any) -> None:
    stored = create(fhir, patient(active=True))
    before = database["Patient"].find_one({"_id": stored["id"]})
    fhir.put(f"Patient/{stored['id']}", patient(id=stored["id"]))
    row = database["history"].find_one({"_id": f"Patient/{stored['id']}/1"})
    after = database["Patient"].find_one({"_id": stored["id"]})
    assert row["z"] == before["z"]
    assert row["rt"] == "Patient"
    assert row["until"] == after["lu"]
    assert after["v"] == 2
    assert database["Patient"].count_documents({"_id": stored["id"]}) == 1


def test_a_tombstone_keeps_whose_it_was_and_nothing_else(fhir: FhirHttp, database: Any) -> None:
    owner = create(fhir, patient())["id"]
    stored = create(fhir, observation(f"Patient/{owner}"))
    fhir.delete(f"Observation/{stored['id']}")
    document = database["Observation"].find_one({"_id": stored["id"]})
    assert document["d"] is True
    assert document["p"] == owner
    assert document["t"] == document["r"] == []
    assert "z" not in document


@pytest.mark.parametrize("name", ["Patient", "AuditEvent", "history", "locks"])
def test_collections_have_their_indexes(fhir: FhirHttp, database: Any, name: str) -> None:
    create(fhir, patient())
    fhir.post("", transaction(entry("POST", "Patient", patient(), ifNoneExist="identifier=never")))
    expected = OTHER_INDEXES.get(name, RESOURCE_INDEXES)
    assert set(database[name].index_information()) == {"_id_", *(i.document["name"] for i in expected)}


def test_no_field_of_a_document_is_named_by_a_client(fhir: FhirHttp, database: Any) -> None:
    allowed = {"_id", "v", "lu", "m", "p", "vis", "iv", "au", "sk", "t", "r", "d", "z"}
    create(fhir, patient(name=[{"family": "$where.x"}]))
    for document in database["Patient"].find():
        assert set(document) <= allowed


def test_the_clock_may_go_back_and_last_updated_does_not(
    fhir: FhirHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = create(fhir, patient())
    monkeypatch.setattr("fhir_server.storage.transactions.now_ms", lambda: 1)
    path = f"Patient/{stored['id']}"
    answers = [fhir.put(path, patient(id=stored["id"])), fhir.delete(path), fhir.put(path, stored)]
    assert [a.status_code for a in answers] == [200, 204, 201]
    rows = entries(body(fhir.get(f"{path}/_history")))
    times = [row["response"]["lastModified"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == 4


def test_every_write_waits_for_a_majority_and_the_journal(server: RunningServer) -> None:
    seen: list[Any] = []

    class Listener(monitoring.CommandListener):
        def started(self, event: monitoring.CommandStartedEvent) -> None:
            seen.append((event.command_name, event.command))

        def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

        def failed(self, event: monitoring.CommandFailedEvent) -> None: ...

    mongo = Mongo(server.inside.settings.mongodb_uri, server.inside.settings.mongodb_database)
    with MongoClient(server.inside.settings.mongodb_uri, event_listeners=[Listener()]) as client:
        mongo._client, mongo._pid = client, __import__("os").getpid()
        mongo.prepared("Patient").insert_one({"_id": "concern", "t": []})
        mongo.collection("Patient").delete_one({"_id": "concern"})
    written = [command for name, command in seen if name in ("insert", "delete")]
    assert len(written) == 2
    assert all(command["writeConcern"] == {"w": "majority", "j": True} for command in written)
    assert all("txnNumber" in command for command in written)


def test_a_transaction_commits_with_majority_and_journal(
    server: RunningServer, fhir: FhirHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymongo.client_session import ClientSession

    seen: list[Any] = []
    original = ClientSession.start_transaction

    def spy(self: ClientSession, *args: Any, **options: Any) -> Any:
        seen.append((args, options))
        return original(self, *args, **options)

    monkeypatch.setattr(ClientSession, "start_transaction", spy)
    stored = create(fhir, patient())
    fhir.put(f"Patient/{stored['id']}", stored)
    assert len(seen) == 1
    assert "'majority'" in repr([getattr(a, "document", a) for a in seen[0][0]] + list(seen[0][1].items()))


def test_index_entries_survive_a_reindex(server: RunningServer, fhir: FhirHttp, database: Any) -> None:
    stored = create(fhir, patient("reindex"))
    database["Patient"].update_one({"_id": stored["id"]}, {"$set": {"t": ["*"], "r": []}})
    assert total(fhir, "Patient?identifier=reindex") == 0
    before = database["Patient"].find_one({"_id": stored["id"]}, {"z": 1, "v": 1, "lu": 1})
    server.inside.reindex(["Patient"])
    assert total(fhir, "Patient?identifier=reindex") == 1
    assert database["Patient"].find_one({"_id": stored["id"]}, {"z": 1, "v": 1, "lu": 1}) == before


def test_old_versions_keep_the_entries_of_parameters_and_no_words(
    server: RunningServer, fhir: FhirHttp, database: Any
) -> None:
    stored = create(fhir, patient("old", gender="female", name=[{"family": "Curie"}]))
    fhir.put(f"Patient/{stored['id']}", stored | {"gender": "other"})
    key = {"_id": f"Patient/{stored['id']}/1"}
    row = database["history"].find_one(key)
    assert {"*", "gender=female|", "family=curie"} <= set(row["t"])
    assert not any(t.startswith(("#", "&")) or ":text=" in t for t in row["t"])
    app = server.client("system/Patient.rs?gender=female,other")
    assert body(app.get(f"Patient/{stored['id']}/_history"))["total"] == 2
    database["history"].update_one(key, {"$unset": {"t": "", "r": "", "p": ""}})
    assert body(app.get(f"Patient/{stored['id']}/_history"))["total"] == 1
    server.inside.reindex(["Patient"])
    assert database["history"].find_one(key) == row
    assert body(app.get(f"Patient/{stored['id']}/_history"))["total"] == 2


def test_many_old_versions_are_indexed_again_in_batches(
    server: RunningServer, fhir: FhirHttp, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhir_server.storage.rebuild._BATCH", 2)
    for _ in range(3):
        stored = create(fhir, {"resourceType": "Organization", "name": "one"})
        fhir.put(f"Organization/{stored['id']}", stored | {"name": "two"})
    database["history"].update_many({"rt": "Organization"}, {"$unset": {"t": ""}})
    seen: list[tuple[str, int]] = []
    server.inside.reindex(["Organization"], lambda name, done: seen.append((name, done)))
    assert ("Organization, old versions", 3) in seen
    assert database["history"].count_documents({"rt": "Organization", "t": "name=one"}) == 3


def test_positions_and_what_is_contained_survive_a_reindex(
    server: RunningServer, fhir: FhirHttp, database: Any
) -> None:
    place = {"resourceType": "Location", "position": {"longitude": 2, "latitude": 48}}
    inner = {"resourceType": "Organization", "id": "o", "name": "Reindexed"}
    outer = {"resourceType": "Location", "contained": [inner], "managingOrganization": {"reference": "#o"}}
    first, second = create(fhir, place)["id"], create(fhir, outer)["id"]
    before = {id_: database["Location"].find_one({"_id": id_}) for id_ in (first, second)}
    database["Location"].update_one({"_id": first}, {"$unset": {"g": ""}, "$set": {"c": []}})
    database["Location"].update_one({"_id": second}, {"$unset": {"c": ""}, "$set": {"p": "x"}})
    server.inside.reindex(["Location"])
    assert {id_: database["Location"].find_one({"_id": id_}) for id_ in before} == before
    assert total(fhir, "Location?near=48|2") == 1
    assert total(fhir, "Organization?name=reindexed&_contained=true") == 1
