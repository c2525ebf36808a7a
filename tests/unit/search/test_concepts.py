"""Tokens by what value sets and code systems say, and references by what is part of what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions.artefacts import Artefacts
from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import FhirError, Invalid, NotSupported, TooCostly
from fhir_server.search.chain import resolve
from fhir_server.search.compile import compile_query
from fhir_server.search.index import extract_index
from fhir_server.search.parse import parse_query
from fhir_server.search.query import Chain, Query
from fhir_server.settings import find_artefacts
from tests.unit.search.stored_filter import matches

BASE_URL = "https://example.org/fhir"
CS, VS = "http://example.org/cs", "http://example.org/vs"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"

CODES = {
    "resourceType": "CodeSystem",
    "url": CS,
    "content": "complete",
    "concept": [{"code": "a", "concept": [{"code": "b"}, {"code": "c"}]}, {"code": "d"}],
}
VALUES = {
    "resourceType": "ValueSet",
    "url": VS,
    "compose": {"include": [{"system": CS, "filter": [{"property": "concept", "op": "is-a", "value": "a"}]}]},
}
EMPTY = {
    "resourceType": "ValueSet",
    "compose": {"include": [{"system": CS, "concept": []}], "exclude": [{"system": CS}]},
}
ACTIVE = {
    "url": CLINICAL,
    "content": "complete",
    "concept": [{"code": "active", "concept": [{"code": "relapse"}]}],
}


class FakeLookup:
    """Answers from what a test says is stored."""

    def __init__(self, *resources: dict[str, Any]) -> None:
        self._artefacts = Artefacts(find_artefacts() / "profiles")
        self._known = {
            ("CodeSystem", CS): CODES,
            ("ValueSet", VS): VALUES,
            ("ValueSet", f"{VS}|2"): EMPTY,
            ("ValueSet", "ValueSet/v1"): VALUES,
            ("CodeSystem", CLINICAL): ACTIVE,
        }
        self._stored = [stored(r) for r in resources]

    def ids(self, query: Query, *, required: bool) -> list[str]:
        filter_ = compile_query(query).match({})
        return [d["_id"] for d in self._stored if matches(filter_, d)]

    def referenced(self, query: Query, codes: Sequence[str], resource_type: str) -> list[str]:
        found = self.ids(query, required=True)
        tokens = [t for d in self._stored if d["_id"] in found for t in d["t"]]
        return [t.partition("=")[2].partition("|")[0] for t in tokens if t.partition("=")[0] in codes]

    def containing(self, resource_type: str, chain: Chain) -> list[str]:
        return []

    def tokens(self, resource_type: str, prefix: str) -> None:
        return None

    def members(self, list_id: str, resource_type: str) -> list[str]:
        return []

    def artefact(self, resource_type: str, reference: str) -> dict[str, Any] | None:
        own = self._artefacts.find(resource_type, reference)
        return own or self._known.get((resource_type, reference))


def stored(resource: dict[str, Any]) -> dict[str, Any]:
    index = extract_index({"id": "1", **resource}, 0, BASE_URL)
    return {"_id": resource.get("id", "1"), "t": index.tokens, "r": index.ranges}


def found(resource: dict[str, Any], name: str, text: str, lookup: FakeLookup | None = None) -> bool:
    """Says whether a resource is found by one parameter."""
    declared = load_definitions().search_parameters
    query, _ = parse_query(
        resource["resourceType"], [(name, text)], declared, lenient=False, base_url=BASE_URL
    )
    plan = compile_query(resolve(query, lookup or FakeLookup()))
    return matches(plan.match({}), stored(resource))


def condition(code: str | None, system: str = CS) -> dict[str, Any]:
    coding = [{"system": system, "code": code}] if code else []
    return {"resourceType": "Condition", "code": {"coding": coding}}


@pytest.mark.parametrize("value_set", [VS, "ValueSet/v1", f"{BASE_URL}/ValueSet/v1"])
def test_a_code_in_a_value_set_is_found(value_set: str) -> None:
    assert found(condition("b"), "code:in", value_set)
    assert not found(condition("d"), "code:in", value_set)
    assert not found(condition("b", "http://other"), "code:in", value_set)


def test_not_in_a_value_set_is_what_has_no_code_of_it() -> None:
    assert [found(condition(c), "code:not-in", VS) for c in ("b", "d", None)] == [False, True, True]


def test_a_value_set_without_codes_finds_nothing_and_excludes_nothing() -> None:
    assert not found(condition("b"), "code:in", f"{VS}|2")
    assert found(condition("b"), "code:not-in", f"{VS}|2")


def test_several_value_sets_are_alternatives() -> None:
    assert found(condition("b"), "code:in", f"{VS}|2,{VS}")


def test_the_value_sets_of_required_bindings_are_known() -> None:
    patient = {"resourceType": "Patient", "gender": "male"}
    gender = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert found(patient, "gender:in", gender)
    assert found(patient, "gender:in", f"{gender}|4.0.1")
    assert not found({"resourceType": "Patient"}, "gender:in", gender)
    with pytest.raises(Invalid, match="is not known"):
        found(patient, "gender:in", f"{gender}|9")


def test_the_value_sets_of_the_profiles_are_known() -> None:
    url = "https://dmp-fhir.example.org/fhir/ValueSet/dmp-document-type"
    document = {
        "resourceType": "DocumentReference",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]},
    }
    assert found(document, "type:in", url)
    assert found(document, "type:in", f"{url}|1.0.0")
    assert not found(document, "type:not-in", url)
    whole = "https://dmp-fhir.example.org/fhir/ValueSet/dmp-contact"
    assert not found(document, "type:in", whole)


@pytest.mark.parametrize(
    ("asked", "below", "above"),
    [("a", "abc", "a"), ("b", "b", "ab"), ("d", "d", "d")],
)
def test_a_concept_is_found_with_what_it_subsumes_or_what_subsumes_it(
    asked: str, below: str, above: str
) -> None:
    for modifier, expected in (("below", below), ("above", above)):
        result = [c for c in "abcd" if found(condition(c), f"code:{modifier}", f"{CS}|{asked}")]
        assert "".join(result) == expected


def test_the_system_of_a_required_binding_need_not_be_said() -> None:
    relapse = {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "relapse"}]},
    }
    assert found(relapse, "clinical-status:below", f"{CLINICAL}|active")
    gender = {"resourceType": "Patient", "gender": "male"}
    with pytest.raises(NotSupported, match="administrative-gender is not known"):
        found(gender, "gender:below", "male")


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("code:in", "http://unknown/vs", Invalid),
        ("code:in", "Patient/1", Invalid),
        ("code:in", "vs", Invalid),
        ("code:in", "ValueSet/v1/_history/2", Invalid),
        ("code:in", "http://x/" + "y" * 2000, Invalid),
        ("code:below", "a", Invalid),
        ("code:below", f"{CS}|", Invalid),
        ("code:below", f"{CS}|z", Invalid),
        ("code:below", "|a", Invalid),
        ("code:below", "a|b|c", Invalid),
        ("code:below", "http://unknown/cs|a", NotSupported),
    ],
)
def test_what_is_not_known_is_refused_with_the_name_of_the_parameter(
    name: str, value: str, error: type[FhirError]
) -> None:
    with pytest.raises(error) as caught:
        found(condition("a"), name, value)
    assert caught.value.issues[0].expression == f"http.{name}"


def test_more_codes_than_a_search_can_bear_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_server.search.concepts.MAX_CODES", 2)
    with pytest.raises(TooCostly):
        found(condition("a"), "code:in", VS)


# --- hierarchies of resources ----------------------------------------------------------------------


def location(id_: str, parent: str) -> dict[str, Any]:
    return {"resourceType": "Location", "id": id_, "partOf": {"reference": f"Location/{parent}"}}


HOSPITAL = (
    location("ward", "house"),
    location("bed", "ward"),
    location("house", "town"),
    location("x", "y"),
    location("y", "x"),
)


@pytest.mark.parametrize(
    ("asked", "below", "above"),
    [
        ("ward", {"ward", "bed"}, {"ward", "house", "town"}),
        ("bed", {"bed"}, {"bed", "ward", "house", "town"}),
        ("x", {"x", "y"}, {"x", "y"}),
        ("nowhere", {"nowhere"}, {"nowhere"}),
    ],
)
def test_references_are_found_by_the_whole_of_which_they_are_a_part(
    asked: str, below: set[str], above: set[str]
) -> None:
    places = ("town", "house", "ward", "bed", "x", "y", "nowhere")
    lookup = FakeLookup(*HOSPITAL)
    for modifier, expected in (("below", below), ("above", above)):
        result = set()
        for place in places:
            procedure = {"resourceType": "Procedure", "location": {"reference": f"Location/{place}"}}
            if found(procedure, f"location:{modifier}", f"Location/{asked}", lookup):
                result.add(place)
            assert found(procedure, f"location:{modifier}", asked, lookup) == (place in result)
        assert result == expected


def test_a_hierarchy_that_is_too_deep_is_refused() -> None:
    rows = [location(f"l{i + 1}", f"l{i}") for i in range(40)]
    procedure = {"resourceType": "Procedure", "location": {"reference": "Location/l3"}}
    with pytest.raises(TooCostly) as caught:
        found(procedure, "location:below", "l0", FakeLookup(*rows))
    assert caught.value.issues[0].expression == "http.location:below"


def test_a_hierarchy_that_is_too_wide_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_server.search.hierarchies.MAX_MEMBERS", 3)
    rows = [location(f"l{i}", "root") for i in range(5)]
    procedure = {"resourceType": "Procedure", "location": {"reference": "Location/l3"}}
    with pytest.raises(TooCostly):
        found(procedure, "location:below", "root", FakeLookup(*rows))


def test_artefacts_are_those_of_their_folder(tmp_path: Path) -> None:
    (tmp_path / "ValueSet-x.json").write_text('{"url": "http://x", "version": "1"}')
    artefacts = Artefacts(tmp_path)
    assert artefacts.find("ValueSet", "http://x|1")
    assert artefacts.find("ValueSet", "http://x|2") is None
    assert artefacts.find("CodeSystem", "http://x") is None
    assert artefacts.find("ValueSet", "http://y") is None
