"""What a token puts into each query: nothing, a record, or a condition that an index serves."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.policy.context import AccessContext
from fhir_server.policy.decide import constrain
from fhir_server.policy.reach import EVERYTHING
from fhir_server.policy.scopes import parse_scopes
from fhir_server.policy.situation import Situation

TYPES = ("Observation", "Patient")
FINAL, AMENDED = "status=final|", "status=amended|"
RECORD = {"p": {"$eq": "1"}}
TOLD = {"iv": {"$lte": 0}}
"""What the holder was told of."""


def reach_filter(text: str, patient: str = "") -> dict[str, Any]:
    context = AccessContext("app", "t", parse_scopes(text, TYPES), patient)
    return constrain(Situation(context), "Observation", "r").filter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("system/*.rs", {}),
        ("system/Observation.rs?status=final system/*.r", {}),
        ("patient/*.read", RECORD | {"$and": [TOLD]}),
        ("patient/Observation.rs?status=final patient/*.rs", RECORD | {"$and": [TOLD]}),
        (
            "patient/Observation.rs?status=final patient/Observation.s",
            RECORD | {"$and": [{"t": {"$eq": FINAL}}, TOLD]},
        ),
        ("system/Observation.rs?status=final", {"$and": [{"t": {"$eq": FINAL}}]}),
        (
            "patient/Observation.r?status=final patient/Observation.r?status=amended,final",
            RECORD | {"$and": [{"t": {"$in": [AMENDED, FINAL]}}, TOLD]},
        ),
        (
            "patient/Observation.rs system/Observation.rs?status=final",
            {"$or": [RECORD | {"$and": [TOLD]}, {"$and": [{"t": {"$eq": FINAL}}]}]},
        ),
    ],
)
def test_scopes_become_the_smallest_filter(text: str, expected: dict[str, Any]) -> None:
    assert reach_filter(text, "1") == expected


def test_a_token_without_condition_shares_one_reach() -> None:
    context = AccessContext("app", "t", parse_scopes("system/*.rs", TYPES))
    assert constrain(Situation(context), "Observation", "r") is EVERYTHING
    assert EVERYTHING.filter == EVERYTHING.past_filter == {}
    assert EVERYTHING.is_everything
    assert not EVERYTHING.is_in_records


def test_rows_of_the_history_are_asked_by_their_logical_id() -> None:
    context = AccessContext("app", "t", parse_scopes("system/Observation.rs?_id=a,b", TYPES))
    reach = constrain(Situation(context), "Observation", "r")
    assert "'_id': {'$in': ['a', 'b']}" in str(reach.filter)
    assert "'id': {'$in': ['a', 'b']}" in str(reach.past_filter)
    assert "_id" not in str(reach.past_filter)
