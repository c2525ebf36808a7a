"""AuditEvents in the shape of IHE BALP. https://profiles.ihe.net/ITI/BALP"""

from __future__ import annotations

import base64
from itertools import product

import pytest

from fhir_server.audit.event import _ACTIONS, Access, Caller, build_event, merge_accesses
from fhir_server.validation.validate import validate_resource

CALLERS = [
    Caller("app", "t1", "", "TREAT", "", ""),
    Caller("app", "t1", "Practitioner/1", "ETREAT", "10.0.0.1", "req-1"),
]


@pytest.mark.parametrize("interaction", _ACTIONS)
def test_every_event_is_valid_and_says_what_happened(interaction: str) -> None:
    accesses = [
        Access(interaction, "Observation", patient, references, query, denied)
        for patient, references, query, denied in product(
            ["", "p1"], [(), ("Observation/1/_history/2",)], ["", "Observation?code=é"], ["", "no"]
        )
    ]
    for access, caller in product(accesses, CALLERS):
        event = build_event(access, caller, "e1", "2024-05-06T07:08:09.123Z", "here")
        assert [i for i in validate_resource(event) if i.severity in ("fatal", "error")] == []
        assert event["action"] in "CRUDE"
        assert event["outcome"] == ("4" if access.denied else "0")
        assert event.get("outcomeDesc", "") == access.denied
        assert sum(agent["requestor"] for agent in event["agent"]) == 1
        kinds = {e["role"]["code"]: e for e in event["entity"] if "role" in e}
        assert ("1" in kinds) == bool(access.patient)
        assert ("4" in kinds) == bool(access.references)
        assert ("24" in kinds) == bool(access.query)
        if access.query:
            assert base64.b64decode(kinds["24"]["query"]).decode() == access.query


def test_another_patient_asked_in_vain_is_named_not_referred_to() -> None:
    access = Access("read", "Patient", "me", ("Patient/other",), denied="not known")
    event = build_event(access, CALLERS[0], "e1", "2024-05-06T07:08:09Z", "here")
    assert [e["what"]["reference"] for e in event["entity"] if "reference" in e.get("what", {})] == [
        "Patient/me"
    ]
    assert [e["name"] for e in event["entity"] if "name" in e] == ["Patient/other"]
    own = build_event(
        Access("read", "Patient", "me", ("Patient/me",), denied="gone"), CALLERS[0], "e1", "2024", "here"
    )
    assert not any("name" in e for e in own["entity"])


def test_accesses_that_differ_in_what_they_touched_are_one() -> None:
    merged = merge_accesses(
        [
            Access("read", "Observation", "a", ("o/1",)),
            Access("read", "Observation", "b", ("o/2",)),
            Access("read", "Observation", "a", ("o/3", "o/1")),
            Access("create", "Observation", "a", ("o/4",)),
            Access("read", "Observation", "a", ("o/5",), denied="no"),
        ]
    )
    assert [(m.interaction, m.patient, m.references, m.denied) for m in merged] == [
        ("read", "a", ("o/1", "o/3"), ""),
        ("read", "b", ("o/2",), ""),
        ("create", "a", ("o/4",), ""),
        ("read", "a", ("o/5",), "no"),
    ]
