"""Searches for words: in the narrative, and anywhere in a resource."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import FhirError, Invalid, NotSupported, TooCostly
from fhir_server.search.compile import compile_query
from fhir_server.search.content import MAX_STEMS, word_entries
from fhir_server.search.index import extract_index
from fhir_server.search.parse import parse_query
from fhir_server.search.query import Query
from fhir_server.search.scores import relevant_tokens, score
from fhir_server.search.stems import stem, stems
from fhir_server.search.words import words
from tests.growth import assert_linear
from tests.unit.search.stored_filter import matches, run


def query(*parameters: tuple[str, str], resource_type: str = "Condition", lenient: bool = False) -> Query:
    declared = load_definitions().search_parameters
    return parse_query(resource_type, parameters, declared, lenient=lenient, base_url="")[0]


def document(resource: dict[str, Any], id_: str = "1") -> dict[str, Any]:
    index = extract_index({"resourceType": "Condition", "id": id_, **resource}, 0)
    return {"_id": id_, "t": index.tokens, "r": index.ranges, "sk": index.sort_key}


def found(resource: dict[str, Any], name: str, text: str) -> bool:
    return matches(compile_query(query((name, text))).match({}), document(resource))


def narrative(html: str) -> dict[str, Any]:
    return {"text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{html}</div>'}}


CONDITION = {
    **narrative("<p>Fractures du <b>f</b>émur &amp; métastases h&#233;patiques<br/>opérées</p>"),
    "note": [{"text": "Traitée par vis-plaque"}],
    "code": {"coding": [{"code": "S72", "display": "Fracture de la diaphyse"}]},
    "subject": {"reference": "Patient/moreau", "display": "Madame Moreau"},
}


@pytest.mark.parametrize(
    ("text", "in_text", "in_content"),
    [
        ("fracture", True, True),
        ("FEMUR", True, True),
        ("hépatique", True, True),
        ("opéré", True, True),
        ("opere", True, True),
        ("plaque", False, True),
        ("diaphyses", False, True),
        ("traiter", False, True),
        ("Moreau", False, False),
        ("S72", False, False),
        ("fracture métastase", True, True),
        ("fracture plaque", False, True),
        ("fracture tibia", False, False),
        ("tibia OR fracture", True, True),
        ("tibia,fracture", True, True),
        ("(foie OR métastase) and fracture", True, True),
        ("(foie OR tibia) AND fracture", False, False),
        ("tibia OR fracture foie", False, False),
        ("fracture -tibia", True, True),
        ("fracture -plaque", True, False),
        ("fracture NOT (tibia OR foie)", True, True),
        ("fracture -(tibia OR femur)", False, False),
        ('"fractures du fémur"', True, True),
        ('fracture -"fémur"', False, False),
        ("la fracture de le", True, True),
        ("fracture OR la", None, None),
        ("vis-plaque", False, True),
        ("fémur/foie", False, False),
    ],
)
def test_words_are_found_by_their_stems(text: str, in_text: bool | None, in_content: bool | None) -> None:
    if in_text is None:
        for name in ("_text", "_content"):
            refused((name, text))
    else:
        assert (found(CONDITION, "_text", text), found(CONDITION, "_content", text)) == (in_text, in_content)


def refused(*parameters: tuple[str, str], resource_type: str = "Condition") -> FhirError:
    with pytest.raises(FhirError) as caught:
        compile_query(query(*parameters, resource_type=resource_type))
    assert caught.value.issues[0].expression == f"http.{parameters[-1][0]}"
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "la",
        "12",
        "-fracture",
        "NOT fracture",
        "fracture OR -tibia",
        "(fracture",
        "fracture)",
        "()",
        "( -a b",
        '"',
        'x "y',
        "fracture -",
        "fracture NOT",
        "OR",
        "a AND",
        "(" * 20 + "fracture",
        "((fracture) OR",
        "-(x OR y)",
    ],
)
def test_what_asks_for_no_word_is_refused(text: str) -> None:
    assert isinstance(refused(("_text", text)), Invalid)


def test_too_many_words_and_values_are_refused() -> None:
    many = " ".join(f"mot{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(40))
    assert isinstance(refused(("_content", many)), TooCostly)
    assert isinstance(refused(("_content", ",".join(["fracture"] * 20))), TooCostly)


def test_modifiers_and_types_without_words_are_refused() -> None:
    assert isinstance(refused(("_text:exact", "x")), NotSupported)
    with pytest.raises(NotSupported):
        parse_query("Bundle", [("_text", "x")], lambda _: {"_content"}, lenient=False, base_url="")
    assert query(("_text:exact", "x"), lenient=True).clauses == ()


@given(st.text(alphabet='ab ()-"ORNOTand,\\', max_size=40))
def test_every_text_is_read_or_refused(text: str) -> None:
    with suppress(FhirError):
        compile_query(query(("_text", text)))


def test_the_words_of_a_target_are_found_along_a_reference() -> None:
    chained = query(("subject:Patient._text", "fracture"), resource_type="Observation")
    assert chained.clauses[0].name == "subject:Patient._text"  # type: ignore[union-attr]


# --- what is indexed -------------------------------------------------------------------------------


def test_a_stem_is_stored_once_and_the_narrative_first() -> None:
    assert word_entries({"resourceType": "Condition", **CONDITION}) == [
        "#fractur",
        "#femur",
        "#metast",
        "#hepat",
        "#oper",
        "&trait",
        "&vis",
        "&plaqu",
        "&diaphy",
    ]


def test_contained_resources_and_extensions_are_content_and_codes_are_not() -> None:
    resource = {
        "resourceType": "Condition",
        "contained": [
            {"resourceType": "Patient", "name": [{"family": "Lambda"}]},
            {"resourceType": "Nothing", "x": "y"},
            5,
        ],
        "extension": [{"url": "http://example.org/alpha", "valueString": "Delta"}],
        "meta": {"tag": [{"display": "omega"}]},
        "identifier": [{"value": "gamma"}],
        "language": "sigma",
    }
    assert sorted(word_entries(resource)) == ["&delt", "&lambd"]
    assert word_entries({"resourceType": ["x"], "text": 5}) == []
    assert word_entries({"resourceType": "Condition", "text": {"div": 5}, "code": "x"}) == []


def test_the_trail_has_no_words() -> None:
    event = {"resourceType": "AuditEvent", "id": "1", "outcomeDesc": "Fracture", **narrative("Fracture")}
    assert extract_index(event, 0).tokens == ["*"]
    assert "_text" in load_definitions().search_parameters("AuditEvent")


def test_words_are_bounded() -> None:
    text = " ".join(f"{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}zz" for i in range(5000))
    assert (
        len(word_entries({"resourceType": "Condition", "note": [{"text": text}], **narrative(text)}))
        == MAX_STEMS
    )
    many = {"resourceType": "Condition", "note": [{"text": "fracture"}] * 100_000}
    assert word_entries(many) in ([], ["&fractur"])


@pytest.mark.parametrize("markup", ["<", "<b", "<a ", "&", "<!--", "</", "<b>x"])
def test_markup_takes_no_longer_than_its_length(markup: str) -> None:
    def extract(size: int) -> None:
        word_entries({"resourceType": "Condition", **narrative(markup * size)})

    assert_linear(extract, 5_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vaccination, vaccins; vacciné", ("vaccin",)),
        ("allergie allergique ALLERGIES", ("allerg",)),
        ("le la les 12 2024 a x", ()),
        ("lot 123456", ("lot", "123456")),
        ("x" * 50, ("x" * 40,)),
        ("", ()),
    ],
)
def test_words_become_their_stems(text: str, expected: tuple[str, ...]) -> None:
    assert stems(text) == expected
    assert stems(text * 1 + " " * 300) == expected


@given(st.text(min_size=1, max_size=30))
def test_a_stem_is_its_own_stem_and_has_one_word(text: str) -> None:
    for word in words(text):
        found = stem(word)
        assert stem(found) in (found, "")
        assert words(found) == ([found] if found else [])


# --- relevance -------------------------------------------------------------------------------------


def test_the_most_relevant_come_first_and_ties_by_id() -> None:
    texts = {
        "a": "fracture",
        "b": "fracture fémur",
        "c": "fémur fracture tibia",
        "d": "tibia fracture fémur",
        "e": "rien",
    }
    documents = [document(narrative(t), id_) for id_, t in texts.items()]
    for sort in ("_score", "-_score"):
        plan = compile_query(query(("_sort", sort), ("_content", "fracture OR fémur OR tibia")))
        first = run(plan.pipeline({}, 3), documents)
        assert [d["_id"] for d in first] == ["c", "d", "b"]
        rest = run(plan.pipeline({}, 3, plan.cursor(first)), documents)
        assert [d["_id"] for d in rest] == ["a"]


def test_the_score_is_the_part_of_the_words_that_are_there() -> None:
    asked = query(("_content", "fracture OR fémur OR plaque -foie"), ("_text", "fracture"))
    assert score([document(CONDITION)], relevant_tokens(asked)) == {"1": Decimal("1.000")}
    asked = query(("_content", "fracture OR tibia OR foie"))
    assert score([document(CONDITION)], relevant_tokens(asked)) == {"1": Decimal("0.333")}
    assert score([document(CONDITION)], relevant_tokens(query(("code", "x")))) == {}


def test_without_words_there_is_no_score_to_sort_by() -> None:
    with pytest.raises(Invalid) as caught:
        compile_query(query(("_sort", "_score"), ("code", "x")))
    assert caught.value.issues[0].expression == "http._sort"
