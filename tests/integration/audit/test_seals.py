"""The sealed trail tells what was changed, removed, inserted or reordered behind the server's back.

docs/decisions/0028-sealed-audit-trail.md
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from fhir_server.audit.sealing import Sealing, head, seal_trail
from fhir_server.audit.verification import CHANGED, INSERTED, REMOVED, SEAL, Damage, Verification
from fhir_server.fhir.instant import now_ms
from fhir_server.storage.mongo import Mongo
from fhir_server.storage.seals import LATE_MS, Seals
from fhir_server.storage.stored import compress

HOUR = 3_600_000


class Trail:
    """A trail of a database of its own, and hands to meddle with it."""

    def __init__(self, mongo: Mongo) -> None:
        self.mongo = mongo
        self.seals = Seals(mongo)
        self.base = now_ms() - HOUR

    def add(self, name: str, patient: str, at: int) -> None:
        row = {"_id": name, "v": 1, "lu": self.base + at, "vis": 0, "iv": 0, "z": compress(name.encode())}
        self.mongo.prepared("AuditEvent").insert_one({**row, "p": patient} if patient else row)

    @property
    def events(self) -> Any:
        return self.mongo.collection("AuditEvent")

    @property
    def rows(self) -> Any:
        return self.mongo.collection("seals")

    def damages(self, patient: str | None = None, anchor: str = "") -> list[Damage]:
        return list(Verification(self.seals, patient, anchor).damages())


@pytest.fixture
def trail(mongodb_uri: str) -> Iterator[Trail]:
    """Three seals of three events each, of two records and of none."""
    mongo = Mongo(mongodb_uri, f"seals_{uuid4().hex[:12]}")
    one = Trail(mongo)
    for number in range(9):
        one.add(f"e{number}", ("a", "b", "")[number % 3], number * 2 * LATE_MS // 3)
        if number % 3 == 2:
            assert seal_trail(one.seals) == 3
    assert one.damages() == []
    try:
        yield one
    finally:
        mongo.client.drop_database(mongo.database_name)
        mongo.close()


def test_a_flipped_byte_is_found(trail: Trail) -> None:
    z = bytearray(trail.events.find_one({"_id": "e3"})["z"])
    z[-1] ^= 1
    trail.events.update_one({"_id": "e3"}, {"$set": {"z": bytes(z)}})
    assert trail.damages() == [Damage(CHANGED, 2, "e3", "a")]
    assert trail.damages("a") == [Damage(CHANGED, 2, "e3", "a")]
    assert trail.damages("b") == []


@pytest.mark.parametrize("change", [{"p": "b"}, {"lu": 7}, {"vis": 2}, {"iv": 99}, {"v": 2}])
def test_who_sees_an_event_is_sealed_with_it(trail: Trail, change: dict[str, Any]) -> None:
    trail.events.update_one({"_id": "e3"}, {"$set": change})
    assert trail.damages()[0] == Damage(CHANGED, 2, "e3", "a")


def test_a_removed_event_is_found(trail: Trail) -> None:
    trail.events.delete_one({"_id": "e4"})
    assert trail.damages() == [Damage(REMOVED, 2, "e4", "b")]


def test_two_events_that_changed_places_are_found(trail: Trail) -> None:
    first, second = (trail.events.find_one({"_id": one}) for one in ("e0", "e3"))
    trail.events.update_one({"_id": "e0"}, {"$set": {"z": second["z"], "lu": second["lu"]}})
    trail.events.update_one({"_id": "e3"}, {"$set": {"z": first["z"], "lu": first["lu"]}})
    assert [(one.kind, one.event) for one in trail.damages()] == [(CHANGED, "e0"), (CHANGED, "e3")]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removed_seal_is_found(trail: Trail, number: int) -> None:
    trail.rows.delete_one({"_id": number})
    assert trail.damages()[0].kind in (SEAL, INSERTED)
    assert SEAL in {one.kind for one in trail.damages()}


def test_seals_that_were_removed_with_their_heads_are_found_by_a_head_kept_elsewhere(trail: Trail) -> None:
    kept = head(trail.seals)
    trail.rows.delete_many({})
    trail.mongo.collection("seal_heads").delete_many({})
    assert trail.damages() == []
    assert trail.damages(anchor=kept) == [Damage(SEAL, 1)]


def test_a_seal_that_was_made_anew_is_found_by_a_head_kept_elsewhere(trail: Trail) -> None:
    kept = head(trail.seals)
    for name in ("seals", "seal_heads"):
        trail.mongo.collection(name).delete_many({})
    for _ in range(3):
        trail.add(uuid4().hex, "a", 0)
    while trail.rows.count_documents({}) < 3:
        trail.add(uuid4().hex, "a", HOUR)
        seal_trail(trail.seals)
    assert trail.damages() == []
    assert trail.damages(anchor=kept) == [Damage(SEAL, 3)]


@pytest.mark.parametrize("change", [{"at": 1}, {"until": 1}, {"prev": "x"}, {"rows.0.events.0.1": "x"}])
def test_a_changed_seal_is_found(trail: Trail, change: dict[str, Any]) -> None:
    trail.rows.update_one({"_id": 2}, {"$set": change})
    assert trail.damages()[0].seal == 2


def test_entries_of_a_seal_that_changed_places_are_found(trail: Trail) -> None:
    rows = trail.rows.find_one({"_id": 2})["rows"]
    rows[0], rows[1] = rows[1], rows[0]
    trail.rows.update_one({"_id": 2}, {"$set": {"rows": rows}})
    assert trail.damages() == [Damage(SEAL, 2)]


def test_an_old_event_that_appears_is_found(trail: Trail) -> None:
    trail.add("forged", "a", 5)
    assert [(one.kind, one.event) for one in trail.damages()] == [(INSERTED, "forged")]
    assert [(one.kind, one.event) for one in trail.damages("a")] == [(INSERTED, "forged")]
    assert trail.damages("b") == []
    assert seal_trail(trail.seals) == 0, "it is not sealed afterwards"


def test_an_event_of_a_slow_writer_is_late_and_no_forgery(trail: Trail) -> None:
    newest = trail.rows.find_one({"_id": 3})["until"] - trail.base
    trail.add("late", "a", newest - LATE_MS + 1)
    trail.add("new", "b", newest + 1)
    verification = Verification(trail.seals)
    assert list(verification.damages()) == []
    assert (verification.verified, verification.unsealed) == (9, 2)
    assert seal_trail(trail.seals) == 2
    assert trail.damages() == trail.damages("a") == []


def test_many_that_seal_at_once_seal_each_event_once(trail: Trail) -> None:
    for number in range(30):
        trail.add(f"m{number}", "a", HOUR + number)
    with ThreadPoolExecutor(4) as pool:
        sealed = list(pool.map(lambda _: seal_trail(Seals(trail.mongo)), range(4)))
    assert sum(sealed) == 30
    assert trail.damages() == []


def test_one_process_at_a_time_has_the_lease(trail: Trail) -> None:
    assert trail.seals.lease("one", 60)
    assert not trail.seals.lease("other", 60)
    assert trail.seals.lease("one", 0)
    assert trail.seals.lease("other", 60)


def _sealers() -> int:
    return [one.name for one in threading.enumerate()].count("audit-seal")


def test_a_worker_seals_in_the_background(trail: Trail) -> None:
    trail.add("fresh", "a", HOUR)
    sealing = Sealing(trail.seals, 1)
    before = _sealers()  # servers of other tests may run in this process
    sealing.start()
    sealing.start()
    assert _sealers() == before + 1
    ended = threading.Event()
    try:
        while trail.rows.count_documents({}) < 4:
            assert not ended.wait(0.1)
    finally:
        sealing.stop()
    assert trail.damages() == []
