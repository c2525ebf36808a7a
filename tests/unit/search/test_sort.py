"""Order and paging: every match once, in the order asked for, whatever the page size and what is written."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid
from fhir_server.search.compile import compile_query
from fhir_server.search.index import extract_index
from fhir_server.search.parse import parse_query
from tests.unit.search.stored_filter import Document, matches, run


def document(resource: dict[str, Any], last_updated: int) -> Document:
    entries = extract_index(resource, last_updated)
    return {
        "_id": resource["id"], "lu": last_updated, "sk": entries.sort_key, "t": entries.tokens,
        "r": entries.ranges,
    }  # fmt: skip


def plan(resource_type: str, *parameters: tuple[str, str]) -> Any:
    declared = load_definitions().search_parameters
    return compile_query(parse_query(resource_type, parameters, declared, lenient=False, base_url="")[0])


def pages(plan_: Any, documents: list[Document], size: int) -> list[list[Document]]:
    """Reads page after page as the storage does; a cursor travels as JSON."""
    found: list[list[Document]] = []
    cursor = None
    while True:
        rows = run(plan_.pipeline({}, size + 1, cursor), documents)
        found.append(rows[:size])
        if len(rows) <= size:
            return found
        cursor = json.loads(json.dumps(plan_.cursor(rows[:size], cursor)))


dates = st.sampled_from(
    [None, "1500-01-01", "2019", "2020-01-01", "2020-01-01T00:00:00Z", "2020-02", "2300-01-01"]
)
values = st.sampled_from([None, ("5", "mg"), ("0.004", "g"), ("1", "kg"), ("7", None), ("2", "foo")])
texts = st.sampled_from([None, "b", "B", "a", "é", "z"])


@st.composite
def observations(draw: st.DrawFn) -> list[Document]:
    documents = []
    for i, (date, value, text) in enumerate(draw(st.lists(st.tuples(dates, values, texts), max_size=8))):
        resource: dict[str, Any] = {"resourceType": "Observation", "id": f"o{i}"}
        if date:
            resource["effectiveDateTime"] = date
        if value:
            resource["valueQuantity"] = {"value": int(float(value[0])), "unit": value[1] or ""}
            if value[1] in ("mg", "g", "kg"):
                resource["valueQuantity"] |= {"code": value[1], "system": "http://unitsofmeasure.org"}
        elif text:
            resource["valueString"] = text
        documents.append(document(resource, draw(st.integers(0, 2))))
    return documents


SORTS = st.sampled_from(
    ["", "-date", "date", "_id", "-_id", "_lastUpdated", "-_lastUpdated", "value-string", "-value-string",
     "value-quantity", "-value-quantity", "_lastUpdated,-date", "-value-string,_id", "code", "status,-date"]
)  # fmt: skip


@given(observations(), SORTS, st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_pages_hold_every_match_once_in_the_order_of_one_page(
    documents: list[Document], sort: str, size: int
) -> None:
    plan_ = plan("Observation", *([("_sort", sort)] if sort else []))
    found = [d["_id"] for page in pages(plan_, documents, size) for d in page]
    whole = run(plan_.pipeline({}, 0), documents)
    assert sorted(found) == sorted(d["_id"] for d in documents)
    assert found == [d["_id"] for d in whole]


@given(observations(), st.sampled_from(["date", "value-string", "value-quantity"]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_values_are_in_order_and_missing_ones_come_last(
    documents: list[Document], code: str, descending: bool
) -> None:
    found = run(plan("Observation", ("_sort", f"{'-' * descending}{code}")).pipeline({}, 0), documents)
    keys = [_key(d, code) for d in found]
    present = [k for k in keys if k is not None]
    assert present == sorted(present, reverse=descending)
    assert keys[len(present) :] == [None] * (len(keys) - len(present))


def _key(document_: Document, code: str) -> Any:
    if code == "value-string":
        return next((t for t in document_["t"] if t.startswith("value-string=")), None)
    if code == "date":
        # Beyond what the sort key can tell apart, dates count as equal.
        start = next((r["lo"] for r in document_["r"] if r["k"] == "date"), None)
        return None if start is None else min(max(start, 1 - 2**43), 2**43 - 1)
    found = [r for r in document_["r"] if r["k"].startswith("value-quantity=")]
    canonical = [r["lo"] for r in found if "=~" not in r["k"]]
    return (canonical or [r["lo"] for r in found] or [None])[0]


@pytest.mark.parametrize("sort", ["url", "-url"])
def test_a_uri_sorts_before_those_that_continue_it(sort: str) -> None:
    urls = ["http://example.org/1", "http://example.org/1/a", "http://example.org/12"]
    documents = [
        document({"resourceType": "ValueSet", "id": f"v{i}", "url": url}, 0)
        for i, url in enumerate(reversed(urls))
    ]
    found = [d["_id"] for d in run(plan("ValueSet", ("_sort", sort)).pipeline({}, 10), documents)]
    assert found == (["v2", "v1", "v0"] if sort == "url" else ["v0", "v1", "v2"])


def test_a_word_inside_a_name_is_found_but_sorts_nothing() -> None:
    documents = [
        document({"resourceType": "Patient", "id": id_, "name": [{"given": [given]}]}, 0)
        for id_, given in [("a", "Anne-Marie"), ("b", "Julie"), ("c", "Zoé Anne")]
    ]
    for sort, order in (("name", "abc"), ("-name", "cba")):
        found = run(plan("Patient", ("_sort", sort)).pipeline({}, 10), documents)
        assert [d["_id"] for d in found] == list(order)
    assert [d["_id"] for d in run(plan("Patient", ("name", "mar")).pipeline({}, 10), documents)] == ["a"]


@given(observations(), observations(), SORTS, st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_what_is_written_meanwhile_moves_nothing_else(
    before: list[Document], written: list[Document], sort: str, size: int
) -> None:
    plan_ = plan("Observation", *([("_sort", sort)] if sort else []))
    first = run(plan_.pipeline({}, size), before)
    if not first:
        return
    cursor = plan_.cursor(first, None)
    new = [d | {"_id": f"n{d['_id']}"} for d in written]
    rest = run(plan_.pipeline({}, 0, cursor), before + new)
    old = [d["_id"] for d in first + rest if d["_id"].startswith("o")]
    assert old == [d["_id"] for d in run(plan_.pipeline({}, 0), before)]


def test_the_usual_order_and_its_reverse_are_read_from_the_index() -> None:
    for parameters in ([], [("_sort", "-date")]):
        stages = plan("Observation", *parameters).pipeline({"p": "1"}, 10, [5, ["a"]])
        assert [next(iter(s)) for s in stages] == ["$match", "$sort", "$limit"]
        assert stages[1] == {"$sort": {"sk": -1}}
        assert {"sk": {"$lte": 5}, "_id": {"$nin": ["a"]}} in stages[0]["$match"]["$and"]


def test_equal_sort_keys_over_many_pages_are_remembered() -> None:
    twins = [{"_id": str(i), "sk": 1, "lu": 1, "t": ["*"], "r": []} for i in range(7)]
    assert [len(p) for p in pages(plan("Observation"), twins, 2)] == [2, 2, 2, 1]


@pytest.mark.parametrize("cursor", ["", {}, [1], [1, 2, 3, 4], 5])
@pytest.mark.parametrize("sort", ["-date", "_lastUpdated", "status"])
def test_a_cursor_of_another_search_is_refused(cursor: Any, sort: str) -> None:
    with pytest.raises(Invalid):
        plan("Observation", ("_sort", sort)).pipeline({}, 10, cursor)


@given(
    st.integers(0, 5000),
    st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]),
    st.sampled_from(
        ["1970-01-01T00:00:01Z", "1970-01-01T00:00:02.500Z", "1970-01-01", "1970-01-01T00:00:00"]
    ),
)
def test_the_last_change_is_an_instant_among_dates(last_updated: int, prefix: str, asked: str) -> None:
    observation = {"resourceType": "Observation", "id": "1"}
    instant = f"1970-01-01T00:00:{last_updated // 1000:02}.{last_updated % 1000:03}Z"
    expected = matches(
        plan("Observation", ("date", prefix + asked)).filter,
        document(observation | {"effectiveInstant": instant}, 0),
    )
    found = matches(
        plan("Observation", ("_lastUpdated", prefix + asked)).filter, document(observation, last_updated)
    )
    assert found == expected


def test_ids_are_matched_alone_in_lists_and_reversed() -> None:
    one = document({"resourceType": "Observation", "id": "a"}, 0)
    found = [("_id", "a"), ("_id", "b,a"), ("_id", "|a"), ("_id:not", "b")]
    absent = [("_id", "b"), ("_id", "x|a"), ("_id:not", "a")]
    assert all(matches(plan("Observation", p).filter, one) for p in found)
    assert not any(matches(plan("Observation", p).filter, one) for p in absent)


@pytest.mark.parametrize(
    ("sequence", "asked", "found"),
    [
        ((10, 20), "1$10$20", True),
        ((10, 20), "1$ge5$le20", True),
        ((10, 20), "1$ne10$20", False),
        ((10, 20), "1$10$ne20", False),
        ((10, 20), "2$10$20", False),
    ],
)
def test_two_coordinates_are_asked_of_one_window(sequence: tuple[int, int], asked: str, found: bool) -> None:
    start, end = sequence
    window = {"chromosome": {"coding": [{"code": "1"}]}, "windowStart": start, "windowEnd": end}
    stored = document({"resourceType": "MolecularSequence", "id": "1", "referenceSeq": window}, 0)
    assert matches(plan("MolecularSequence", ("chromosome-window-coordinate", asked)).filter, stored) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("replaces$DocumentReference/2", True),
        ("replaces$2", True),
        ("appends$2", False),
        ("replaces$http://a.org/x", False),
    ],
)
def test_a_relation_is_asked_with_its_target(asked: str, found: bool) -> None:
    relation = {"code": "replaces", "target": {"reference": "DocumentReference/2"}}
    stored = document({"resourceType": "DocumentReference", "id": "1", "relatesTo": [relation]}, 0)
    assert matches(plan("DocumentReference", ("relationship", asked)).filter, stored) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("http://x|$b", True),
        ("http://x|$http://y|", True),
        ("a$http://y|", True),
        ("http://x|a$http://y|", True),
        ("http://y|$b", False),
        ("a$http://x|", False),
        ("http://x|$http://x|", False),
    ],
)
def test_a_composite_takes_any_code_of_a_system(asked: str, found: bool) -> None:
    stored = document(
        {
            "resourceType": "Observation",
            "id": "1",
            "code": {"coding": [{"system": "http://x", "code": "a"}]},
            "valueCodeableConcept": {"coding": [{"system": "http://y", "code": "b"}]},
        },
        0,
    )
    assert matches(plan("Observation", ("code-value-concept", asked)).filter, stored) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [("a$bl", True), ("a$Blé", True), ("a$lé", False), ("http://x|a$blé", False), ("|a$b", True)],
)
def test_a_text_in_a_composite_begins_with_what_is_asked(asked: str, found: bool) -> None:
    observation = {
        "resourceType": "Observation",
        "id": "1",
        "code": {"coding": [{"code": "a"}]},
        "valueString": "Blé dur",
    }
    assert (
        matches(plan("Observation", ("code-value-string", asked)).filter, document(observation, 0)) == found
    )


@pytest.mark.parametrize(("asked", "found"), [("a$2020", True), ("a$lt2020", False), ("a$sa2020-02", True)])
def test_a_date_in_a_composite_keeps_its_prefix(asked: str, found: bool) -> None:
    observation = {
        "resourceType": "Observation",
        "id": "1",
        "code": {"coding": [{"code": "a"}]},
        "valueDateTime": "2020-03",
    }
    assert matches(plan("Observation", ("code-value-date", asked)).filter, document(observation, 0)) == found


def test_approximate_dates_widen_with_their_distance_from_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    observation = {"resourceType": "Observation", "id": "1", "effectiveDateTime": "2013-11-14"}
    stored = document(observation, 0)
    assert matches(plan("Observation", ("date", "ap2013-02-01")).filter, stored)
    assert matches(plan("Observation", ("date", "ap2014-10-01")).filter, stored)
    assert not matches(plan("Observation", ("date", "ap2012-01-01")).filter, stored)
    assert matches(plan("Observation", ("date", "ap2013-11-14")).filter, stored)


def test_a_zone_whose_plus_became_a_space_is_understood() -> None:
    observation = {"resourceType": "Observation", "id": "1", "effectiveDateTime": "2024-01-01T00:00:00Z"}
    query = plan("Observation", ("date", "2024-01-01T01:00:00 01:00"))
    assert matches(query.filter, document(observation, 0))


class DriverInteger(int):
    """What MongoDB's driver returns for a 64-bit integer; msgspec does not encode subclasses of int."""


@pytest.mark.parametrize("order", ["_lastUpdated", "-_lastUpdated", "-date", "date", "_id", "status"])
def test_a_cursor_is_json_whatever_integers_the_driver_returns(order: str) -> None:
    stored = document({"resourceType": "Observation", "id": "1", "effectiveDateTime": "2020"}, 2**40)
    stored |= {"lu": DriverInteger(2**40), "sk": DriverInteger(stored["sk"]), "s0": DriverInteger(2**40)}
    cursor = plan("Observation", ("_sort", order)).cursor([stored | {"m0": DriverInteger(0)}])
    assert msgspec.json.decode(msgspec.json.encode(cursor)) == cursor
