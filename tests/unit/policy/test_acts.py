"""The rights of each actor on what is in a record already: one row of the table, one case."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import Forbidden, Unprocessable
from fhir_server.fhir.labels import LABELS, SYSTEM, with_labels
from fhir_server.policy.actor import HOLDER, PROFESSIONAL, REPRESENTATIVE, STRUCTURE, Actor
from fhir_server.policy.actor import SYSTEM as OPERATOR
from fhir_server.policy.acts import IS_ARCHIVED, acts_of, check_acts, check_deposit, rights

DOCUMENT: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "id": "1",
    "meta": {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"},
    "status": "current",
    "description": "x",
}
ARCHIVED = {"url": sorted(IS_ARCHIVED)[0], "valueBoolean": True}
bits = st.integers(0, 7)
ACTS = {1: ("mask", "unmask"), 2: ("hide-from-patient", "show-to-patient")}
ACTS[4] = ("hide-from-representatives", "show-to-representatives")


@given(bits, bits)
def test_each_label_that_comes_or_goes_is_an_act(before: int, after: int) -> None:
    expected = {ACTS[b][0 if after & b else 1] for b in (1, 2, 4) if (before ^ after) & b}
    assert acts_of(with_labels(DOCUMENT, before), with_labels(DOCUMENT, after)) == expected


@pytest.mark.parametrize(
    ("change", "acts"),
    [
        ({}, set()),
        ({"meta": {"versionId": "2", "lastUpdated": "2027-01-01T00:00:00Z"}}, set()),
        ({"description": "y"}, {"content"}),
        ({"status": "entered-in-error"}, {"delete"}),
        ({"status": "superseded"}, {"replace"}),
        ({"extension": [ARCHIVED]}, {"archive"}),
        ({"extension": [ARCHIVED, {"url": "urn:x", "valueBoolean": True}]}, {"archive", "content"}),
        ({"meta": {"tag": [{"code": "x"}]}}, {"content"}),
        ({"status": "superseded", "description": "y"}, {"replace", "content"}),
        ({"extension": [{"url": ARCHIVED["url"], "valueString": "anything"}]}, {"content"}),
        ({"extension": [{**ARCHIVED, "id": "more"}]}, {"content"}),
    ],
)
def test_what_changes_says_what_is_done(change: dict[str, Any], acts: set[str]) -> None:
    assert acts_of(DOCUMENT, DOCUMENT | change) == acts


def test_the_status_of_anything_else_is_content() -> None:
    observation = {"resourceType": "Observation", "status": "final"}
    assert acts_of(observation, observation | {"status": "entered-in-error"}) == {"content"}
    assert acts_of(observation, None) == {"delete"}


@pytest.mark.parametrize("act", sorted(rights()))
@pytest.mark.parametrize("column", [HOLDER, REPRESENTATIVE, PROFESSIONAL, "treating", STRUCTURE])
@pytest.mark.parametrize("whose", ["own", "patient", "other"])
def test_the_table_decides(act: str, column: str, whose: str) -> None:
    actor = Actor(PROFESSIONAL if column == "treating" else column, "Practitioner/1")
    right = rights()[act][column]
    may = right == "yes" or right == whose or (right == "patient" and whose == "own")
    try:
        check_acts(frozenset({act}), actor, is_treating=column == "treating", whose=whose)
    except Forbidden:
        assert not may
    else:
        assert may
    check_acts(frozenset({act}), Actor(OPERATOR), is_treating=False, whose="other")


def test_one_act_too_many_refuses_all() -> None:
    with pytest.raises(Forbidden):
        check_acts(
            frozenset({"mask", "content"}),
            Actor(PROFESSIONAL, "Practitioner/1"),
            is_treating=False,
            whose="other",
        )


@pytest.mark.parametrize(
    ("labels", "kind", "is_adult", "refusal"),
    [
        ("MASQUE_PS", HOLDER, True, None),
        ("INVISIBLE_PATIENT", PROFESSIONAL, True, None),
        ("INVISIBLE_PATIENT", HOLDER, True, Forbidden),
        ("INVISIBLE_PATIENT", REPRESENTATIVE, False, Forbidden),
        ("MASQUE_PS INVISIBLE_PATIENT", PROFESSIONAL, True, Unprocessable),
        ("INVISIBLE_REPRESENTANTS_LEGAUX", PROFESSIONAL, True, Unprocessable),
        ("INVISIBLE_REPRESENTANTS_LEGAUX", PROFESSIONAL, False, None),
        ("INVISIBLE_REPRESENTANTS_LEGAUX", REPRESENTATIVE, False, Forbidden),
        ("MASQUE_PS INVISIBLE_PATIENT", OPERATOR, True, None),
    ],
)
def test_what_a_deposit_may_carry(
    labels: str, kind: str, is_adult: bool, refusal: type[Exception] | None
) -> None:
    resource = with_labels(DOCUMENT, sum(LABELS[name] for name in labels.split()))
    if refusal is None:
        check_deposit(resource, Actor(kind, "X/1"), is_adult=is_adult)
    else:
        with pytest.raises(refusal):
            check_deposit(resource, Actor(kind, "X/1"), is_adult=is_adult)


def test_the_second_spelling_of_the_system_is_the_same_label() -> None:
    other = SYSTEM.replace("StatutVisibilite", "StatusVisibilite")
    masked = DOCUMENT | {"meta": {"security": [{"system": other, "code": "MASQUE_PS"}]}}
    assert acts_of(with_labels(DOCUMENT, 1), masked) == set()
