"""Searches read few keys of an index for what they return, and are refused or ended when they cannot.

benchmarks/scale.py measures the same on a million resources: docs/performance.md
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.scale import Scaled, load
from benchmarks.scale_shapes import SHAPES, SYSTEM, Shape
from fhir_server.errors import TooCostly
from fhir_server.policy import guarded_search

RESOURCES = 20_000


@pytest.fixture(scope="module")
def scaled(mongodb_uri: str, database_name: str) -> Iterator[Scaled]:
    """A server on 20,000 resources."""
    load(mongodb_uri, database_name, RESOURCES)
    server = Scaled(mongodb_uri, database_name, RESOURCES)
    yield server
    server.server.mongo.close()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_search_reads_few_keys_for_what_it_returns(scaled: Scaled, shape: Shape) -> None:
    measured = scaled.measure(shape, rounds=2)
    assert measured.costs
    assert measured.is_within, measured.costs


@pytest.mark.parametrize(
    ("search", "most"),
    [
        ("Observation?patient={p}&code=http://loinc.org|29463-7", 12),
        ("Observation?code=29463-7&_count=10&_total=none", 40),
        ("Observation?code=http://loinc.org|29463-7&date=ge2012-03&date=lt2012-04&_count=10&_total=none", 14),
        ("Encounter?class=AMB&date=2012-03&_count=10&_total=none", 16),
        ("Observation?value-quantity=gt199.8|http://unitsofmeasure.org|kg&_total=none", 10),
        ("Patient?birthdate=gt2023-12-20&_count=5&_total=none", 20),
    ],
)
def test_a_search_reads_no_more_keys_than_it_did(scaled: Scaled, search: str, most: int) -> None:
    measured = scaled.measure(Shape(search, search), rounds=1)
    assert measured.keys <= most, measured.costs


@pytest.mark.parametrize("token", ["system", "patient"])
@pytest.mark.parametrize("pages", [2, 5])
def test_a_later_page_costs_what_the_first_one_does(scaled: Scaled, token: str, pages: int) -> None:
    search = "Observation?patient={p}&code=http://loinc.org|2339-0&_count=50&_total=none"
    first = scaled.measure(Shape("first", search, token, is_long=True), rounds=1)
    later = scaled.measure(Shape("later", search, token, pages, is_long=True), rounds=1)
    assert first.found == later.found == 50
    assert later.keys <= first.keys + 5


@pytest.mark.parametrize(
    ("search", "culprit"),
    [
        ("Observation?code:not=x", "code:not alone would look at every Observation"),
        ("Patient?name:contains=a", "name:contains alone would look at every Patient"),
        ("Observation?value-quantity=ne5", "value-quantity alone would look at every Observation"),
        ("Observation?_sort=code", "to sort by code without criteria would look at every Observation"),
    ],
)
def test_what_would_look_at_everything_is_refused_with_what_to_add(
    scaled: Scaled, monkeypatch: pytest.MonkeyPatch, search: str, culprit: str
) -> None:
    monkeypatch.setattr(guarded_search, "SCAN_BOUND", 10)
    with pytest.raises(TooCostly) as refused:
        scaled.search(Shape(search, search), 1)
    assert str(refused.value) == f"{culprit}; add a patient, a code, an identifier or a period"
    assert refused.value.issues[0].code == "too-costly"
    assert [next(iter(command)) for command in scaled.commands.seen] == ["count"]  # of the metadata


def test_the_same_within_a_record_is_answered(scaled: Scaled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_search, "SCAN_BOUND", 10)
    for search, token in (
        ("Observation?code:not=x&patient={p}", SYSTEM),
        ("Observation?code:not=x", "patient"),
    ):
        assert scaled.search(Shape(search, search, token), 1) == 20


def test_a_slow_search_ends_after_its_time(scaled: Scaled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaled.server.mongo, "timeout_ms", 1)
    search = "Observation?status=final&_sort=value-quantity,code"
    with pytest.raises(TooCostly) as ended:
        scaled.search(Shape(search, search), 1)
    assert str(ended.value) == "the query took longer than the server allows; narrow it"
    assert ended.value.status == 403
