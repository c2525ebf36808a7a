"""The rules of a record against their slow second reading, in a document in hand and in MongoDB.

POLICY_PAIRS pairs of someone and something are compared; `make test-policy` takes a million.
"""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.policy.actor import HOLDER, PROFESSIONAL, REPRESENTATIVE, STRUCTURE, Actor
from fhir_server.policy.own_events import own_events_filter
from fhir_server.policy.record_policy import RecordPolicy, Representative, read_policy, write_policy
from fhir_server.policy.record_rules import Moment, Refused, reading
from fhir_server.search.matching import matches
from tests.policy_oracle.reference import Thing, Who, may_read

PAIRS = int(os.environ.get("POLICY_PAIRS", "300000"))
SEED = int(os.environ.get("POLICY_SEED", "1"))
THINGS = 300
TYPES = ("DocumentReference", "Observation", "AuditEvent", "Composition", "AllergyIntolerance")
PEOPLE = ("Practitioner/a", "Practitioner/b", "Practitioner/c")
PLACES = ("", "Organization/x", "Organization/y")
HELPERS = ("RelatedPerson/m", "Patient/2")
READABLE = {
    "10": {"34133-9", "68599-0", *(f"type:{name}" for name in TYPES)},
    "60": {"34133-9", "type:Observation", "type:AuditEvent"},
}
NOW = 1_000_000
RULES = {"closed", "never-allowed", "blocked", "no-permit", "emergency-opposed"} | {
    "holder",
    "author",
    "treating",
    "permit",
    "care-team",
    "emergency",
    "regulation",
    "representative",
    "caregiver",
}
STATES = ("open",) * 24 + ("closed", "none", "announced", "opposed", "deleting", "deceased")


def _span(random: Random) -> tuple[int, int]:
    return random.choice([(0, NOW), (0, NOW + 1), (NOW, NOW + 9), (NOW + 1, NOW + 9)])


def _spans(random: Random, names: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    return {name: _span(random) for name in names if name and random.random() < 0.4}


def _policy(random: Random, things: list[Thing]) -> RecordPolicy:
    actors = (*PEOPLE, *PLACES[1:])
    hidden = random.sample(things, 8)
    helpers = {
        name: Representative(random.choice(["legal", "caregiver"]), *_span(random))
        for name in HELPERS
        if random.random() < 0.7
    }
    policy = RecordPolicy(
        patient="1",
        epoch=1,
        state=random.choice(STATES),
        permits=_spans(random, actors),
        treating=_spans(random, PEOPLE),
        care_team=_spans(random, actors),
        blocked=frozenset(name for name in actors if random.random() < 0.1),
        hidden={random.choice(actors): tuple(f"{t.resource_type}/{t.id}" for t in hidden)},
        emergency=frozenset(name for name in ("BTG", "ETREAT", "MASKED") if random.random() < 0.5),
        masks_everything=random.random() < 0.2,
        representatives=helpers,
        majority=random.choice([0, NOW - 1, NOW, NOW + 1]),
    )
    assert read_policy("1", write_policy(policy)) == policy
    return policy


def _who(random: Random) -> Who:
    kind = random.choice([HOLDER, REPRESENTATIVE, STRUCTURE, *[PROFESSIONAL] * 6])
    if kind == HOLDER:
        return Who(kind, random.choice(["", "Patient/1"]))
    if kind == REPRESENTATIVE:
        return Who(kind, random.choice(HELPERS))
    if kind == STRUCTURE:
        return Who(kind, "", random.choice(PLACES[1:]))
    mode = random.choice(["normal", "normal", "normal", "bris_de_glace", "centre_15"])
    profession = random.choice(["10", "10", "10", "10", "60", "60", "99", ""])
    return Who(kind, random.choice(PEOPLE), random.choice(PLACES), profession, mode)


def _thing(random: Random, number: int) -> Thing:
    resource_type = random.choice(TYPES)
    kind = f"type:{resource_type}"
    if resource_type in ("DocumentReference", "Composition"):
        kind = random.choice(["34133-9", "68599-0", "0000-0", ""])
    labels = random.choice([0, 0, *range(8)])
    hidden_until = random.choice([NOW, NOW + 1]) if labels & 2 else 0
    names = (*PEOPLE, *PLACES[1:], "Patient/1")
    authors = tuple(random.sample(names, random.randrange(3)))
    agents = tuple(random.sample(PEOPLE, random.randrange(2))) if resource_type == "AuditEvent" else ()
    return Thing(resource_type, f"r{number}", labels, hidden_until, authors, kind, agents)


def _document(thing: Thing) -> dict[str, Any]:
    """As it is stored: what is absent has no field."""
    document: dict[str, Any] = {"_id": thing.id, "p": "1", "vis": thing.labels, "iv": thing.hidden_until}
    document["t"] = ["*", *(own_events_filter(agent)["t"]["$eq"] for agent in thing.agents)]
    if thing.authors:
        document["au"] = list(thing.authors)
    if thing.resource_type in ("DocumentReference", "Composition"):
        document["dk"] = thing.kind
    return document


@pytest.fixture(scope="module")
def stored(mongodb_uri: str, database_name: str) -> Any:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        yield client[database_name]
        client.drop_database(database_name)


def _readable(profession: str) -> frozenset[str]:
    return frozenset(READABLE.get(profession, ()))


def test_the_rules_say_what_their_second_reading_says(stored: Any) -> None:
    random = Random(SEED)
    things = [_thing(random, number) for number in range(THINGS)]
    rules: set[str] = set()
    documents = {name: [_document(t) for t in things if t.resource_type == name] for name in TYPES}
    for name, rows in documents.items():
        stored[name].insert_many(rows)
    seen = compared = 0
    while compared < PAIRS:
        who, policy = _who(random), _policy(random, things)
        actor = Actor(who.kind, who.reference, who.organization, who.profession, who.mode)
        for name in TYPES:
            expected = {
                t.id for t in things if t.resource_type == name and may_read(who, policy, t, NOW, READABLE)
            }
            try:
                verdict = reading(actor, policy, name, Moment(NOW, _readable))
            except Refused as error:
                assert not expected, (who, policy, name)
                rules.add(error.rule)
                continue
            filter_ = verdict.filter
            rules.add(verdict.rule)
            in_hand = {d["_id"] for d in documents[name] if matches(filter_, d)}
            assert in_hand == expected, (who, policy, name, filter_)
            found = {d["_id"] for d in stored[name].find(filter_, {"_id": 1})}
            assert found == expected, (who, policy, name, filter_)
            seen += len(expected)
        compared += THINGS
    assert rules == RULES
    assert seen > PAIRS // 20
    assert seen < PAIRS // 2
