"""Codes of a code system, and who is above whom."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.errors import NotSupported
from fhir_server.terminology.code_systems import read_concepts

URL = "http://example.org/cs"


def code_system(*concepts: Any, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "CodeSystem",
        "url": URL,
        "content": "complete",
        "concept": list(concepts),
        **more,
    }


def concept(code: str, *children: Any, **properties: str) -> dict[str, Any]:
    rows = [{"code": name, "valueCode": value} for name, value in properties.items()]
    return {"code": code, "concept": list(children), "property": rows}


def test_nested_concepts_are_below_those_around_them() -> None:
    concepts = read_concepts(
        code_system(concept("a", concept("b", concept("c")), concept("d")), concept("e"))
    )
    assert list(concepts.codes) == ["a", "b", "c", "d", "e"]
    assert concepts.descendants("a") == {"b", "c", "d"}
    assert concepts.ancestors("c") == {"a", "b"}
    assert concepts.descendants("e") == concepts.ancestors("e") == set()
    assert concepts.descendants("nothing") == set()


@pytest.mark.parametrize("name", ["parent", "subsumedBy"])
def test_properties_say_who_is_above(name: str) -> None:
    concepts = read_concepts(
        code_system(concept("a"), concept("b", **{name: "a"}), concept("c", **{name: "b"}))
    )
    assert concepts.descendants("a") == {"b", "c"}


def test_a_property_is_known_by_its_uri_too() -> None:
    rows = [{"code": "under", "uri": "http://hl7.org/fhir/concept-properties#parent", "type": "code"}, 5]
    concepts = read_concepts(code_system(concept("a"), concept("b", under="a"), property=rows))
    assert concepts.ancestors("b") == {"a"}
    concepts = read_concepts(code_system(concept("a", child="b"), concept("b")))
    assert concepts.ancestors("b") == {"a"}


def test_a_circle_ends_where_it_began() -> None:
    concepts = read_concepts(code_system(concept("a", parent="b"), concept("b", parent="a")))
    assert concepts.descendants("a") == {"b"}
    assert concepts.ancestors("a") == {"b"}


@pytest.mark.parametrize("meaning", ["grouped-by", "part-of"])
def test_nesting_that_is_no_subsumption_makes_no_hierarchy(meaning: str) -> None:
    concepts = read_concepts(code_system(concept("a", concept("b")), hierarchyMeaning=meaning))
    assert concepts.descendants("a") == set()
    assert set(concepts.codes) == {"a", "b"}


def test_retired_codes_are_inactive() -> None:
    inactive = {"code": "i", "property": [{"code": "inactive", "valueBoolean": True}]}
    retired = {"code": "r", "property": [{"code": "status", "valueCoding": {"code": "retired"}}, 5]}
    concepts = read_concepts(code_system(inactive, retired, concept("a")))
    assert [c for c in concepts.codes if concepts.is_inactive(c)] == ["i", "r"]


@pytest.mark.parametrize("content", ["not-present", "example", "supplement", None])
def test_a_code_system_that_does_not_list_its_codes_is_refused(content: Any) -> None:
    with pytest.raises(NotSupported):
        read_concepts(code_system(concept("a"), content=content))


def test_what_is_no_concept_is_passed_over() -> None:
    concepts = read_concepts(
        code_system(5, {"code": 5}, {"display": "x"}, {"code": "a", "concept": 5, "property": 5})
    )
    assert list(concepts.codes) == ["a"]


def test_too_many_concepts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_server.terminology.code_systems.MAX_CONCEPTS", 2)
    with pytest.raises(Exception, match="more than 2 codes"):
        read_concepts(code_system(concept("a"), concept("b"), concept("c")))


def test_deep_nesting_is_read_without_recursion() -> None:
    nested: dict[str, Any] = concept("0")
    for i in range(1, 3000):
        nested = concept(str(i), nested)
    assert len(read_concepts(code_system(nested)).descendants("2999")) == 2999
