"""The server answers generated searches as a slow reading of the page does: ids, order, totals, includes.

https://hl7.org/fhir/R4/search.html. ORACLE_QUERIES searches (2,000) from ORACLE_SEED (1) on.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_server.policy.granular import compile_parameters
from fhir_server.search.matching import matches
from tests.oracle.comparison import differences, leave_out_records
from tests.oracle.conftest import Round
from tests.oracle.granular_scopes import granular_scope, plain_parameter, shows, with_granular_scopes
from tests.oracle.parameter_paths import TYPES, at, parameters
from tests.oracle.reference_search import DEFINITIONS
from tests.oracle.searches import Search
from tests.oracle.server_under_test import Answer

SHOWN = 5


def test_the_server_agrees_with_the_oracle(round_: Round) -> None:
    matched = 0
    wrong: list[Search] = []
    for _ in range(round_.count):
        search = round_.searches.draw()
        if round_.comparison.difference(search):
            wrong.append(search)
        matched += bool(round_.comparison.expected(search))
    if wrong:
        shown = [round_.comparison.explain(s) for s in wrong[:SHOWN]]
        records = leave_out_records(round_.server, round_.world, round_.comparison.shrink(wrong[0]))
        pytest.fail(f"{len(wrong)} of {round_.count} searches differ:\n" + "\n".join([*shown, *records]))
    # Searches that find nothing would agree for nothing.
    assert matched > round_.count // 3


def test_a_granular_token_searches_what_its_scopes_show_and_nothing_else(round_: Round) -> None:
    """Roots, chains, reverse chains, lists, includes, pages and totals, as if the rest did not exist."""
    matched = hidden = 0
    wrong: list[str] = []
    for _ in range(round_.count // 6):
        search = with_granular_scopes(round_.searches)
        if round_.comparison.difference(search):
            wrong.append(round_.comparison.explain(search))
        found = round_.comparison.expected(search)
        matched += bool(found)
        hidden += found != round_.comparison.expected(replace(search, scopes=""))
    assert not wrong, f"{len(wrong)} searches differ:\n" + "\n".join(wrong[:SHOWN])
    assert matched > round_.count // 40
    assert hidden > round_.count // 40


def test_a_granular_token_reads_the_versions_that_meet_its_scope_one_by_one(round_: Round) -> None:
    shown = hidden = 0
    for number in range(2 * len(TYPES)):
        type_ = TYPES[number % len(TYPES)]
        scope = granular_scope(round_.searches, type_)
        everything, _ = round_.server.history(f"{type_}/_history", f"system/{type_}.rs", 1000)
        expected = [r for r in everything if "resource" in r and shows(round_.world, scope, r["resource"])]
        found, totals = round_.server.history(f"{type_}/_history", scope, 7)
        assert found == expected, scope
        assert totals == {len(expected)}, scope
        assert round_.server.history("_history", scope, 50)[0] == expected, scope
        shown, hidden = shown + len(expected), hidden + len(everything) - len(expected)
    assert shown > 100
    assert hidden > 100


def test_a_document_in_hand_meets_a_filter_when_the_database_finds_it(round_: Round) -> None:
    """What a write is held to (search/matching.py) is what a search would find."""
    documents = {type_: list(round_.server.mongo.collection(type_).find()) for type_ in TYPES}
    met = 0
    for number in range(round_.count // 4):
        type_ = TYPES[number % len(TYPES)]
        pairs = tuple(plain_parameter(round_.searches, type_) for _ in range(1 + number % 2))
        asked = compile_parameters(type_, pairs, round_.server.base_url)
        found = {d["_id"] for d in round_.server.mongo.collection(type_).find(asked, {"_id": 1})}
        assert {d["_id"] for d in documents[type_] if matches(asked, d)} == found, (type_, pairs)
        met += bool(found)
    assert met > round_.count // 16


@pytest.mark.parametrize("change", ["lost", "added", "twice", "unsorted", "total", "include"])
def test_a_wrong_answer_is_noticed(round_: Round, change: str) -> None:
    includes = (("_include", "Observation:subject"),)
    search = Search(("Observation",), results=(("_sort", "date"), ("_count", "1000")), includes=includes)
    answer = round_.server.search(search.path, search.pairs)
    world = round_.comparison.world("")
    assert differences(search, answer, world) == ""
    assert differences(search, _spoilt(answer, change), world) != ""


def _spoilt(answer: Answer, change: str) -> Answer:
    (page,), (included,) = answer.matches, answer.included
    pages = {
        "lost": page[1:],
        "added": [*page, ("Observation", "x9999")],
        "twice": [*page, page[-1]],
        "unsorted": page[::-1],
    }
    if change in pages:
        return replace(answer, matches=[pages[change]], totals=[None])
    if change == "total":
        return replace(answer, totals=[len(page) + 1])
    return replace(answer, included=[included[1:]])


def test_the_hand_written_paths_name_parameters_of_the_specification() -> None:
    for type_ in TYPES:
        declared = DEFINITIONS.search_parameters(type_)
        for code, parameter in parameters(type_).items():
            assert declared[code].type == parameter.type, (type_, code)
            assert len(declared[code].component) == len(parameter.components), (type_, code)


NOT_GENERATED = {
    ("AllergyIntolerance", "category"),
    ("AllergyIntolerance", "clinical-status"),
    ("Condition", "verification-status"),
    ("Questionnaire", "name"),
    ("ValueSet", "expansion"),
}


def test_every_parameter_has_a_value_somewhere(round_: Round) -> None:
    empty = [
        (type_, code)
        for type_ in TYPES
        for code, parameter in parameters(type_).items()
        if code[0] != "_" and not any(at(r, parameter.path) for r in round_.world.of_type(type_))
    ]
    assert set(empty) <= NOT_GENERATED


def test_a_patient_reaches_their_record_and_directories_alone(round_: Round) -> None:
    seen = round_.comparison.world("x1").resources.values()
    assert {r["id"] for r in seen if r["resourceType"] == "Patient"} == {"x1"}
    assert {"Organization", "Practitioner", "Observation"} <= {r["resourceType"] for r in seen}
    assert 0 < sum(r["resourceType"] == "Observation" for r in seen) < 20
