"""A walk meets every value with its type and path; links are replaced where the standard says."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir.elements import Node, format_expression, references, rewrite_links, walk
from tests.generated import any_resources

find = load_definitions().structure_or_none
SOME = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "contained": [{"resourceType": "Organization", "id": "o", "partOf": {"reference": "urn:uuid:1"}}],
    "name": [{"given": ["Camille", None], "_given": [None, {"extension": [{"valueUri": "urn:uuid:1"}]}]}],
    "birthDate": "1981",
    "_birthDate": {"extension": [{"url": "t", "valueDateTime": "1981-03-02"}]},
    "_gender": {"id": "g"},
    "deceasedBoolean": False,
    "managingOrganization": {"reference": "#o"},
    "surname": "unknown to the definitions",
}  # fmt: skip
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "entry": [{"resource": {"resourceType": "Observation", "valueString": "x"}}],
}


def _nodes(resource: dict[str, Any]) -> dict[tuple[str | int, ...], Node]:
    return {node.path: node for node in walk(resource, find)}


def test_a_walk_begins_with_the_resource_and_follows_the_document() -> None:
    paths = [node.path for node in walk(PATIENT, find)]
    assert paths[:4] == [(), ("id",), ("contained", 0), ("contained", 0, "id")]
    assert ("surname",) not in paths
    assert paths.index(("name", 0, "given", 1)) < paths.index(("birthDate",))
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize(
    ("path", "type_", "value"),
    [
        ((), "Patient", PATIENT),
        (("id",), "string", "p1"),
        (("contained", 0), "Organization", PATIENT["contained"][0]),
        (("contained", 0, "partOf", "reference"), "string", "urn:uuid:1"),
        (("name", 0, "given", 0), "string", "Camille"),
        (("name", 0, "given", 1), "string", None),
        (("name", 0, "_given", 1, "extension", 0, "valueUri"), "uri", "urn:uuid:1"),
        (("_birthDate", "extension", 0), "Extension", PATIENT["_birthDate"]["extension"][0]),
        (("gender",), "code", None),
        (("_gender", "id"), "string", "g"),
        (("deceasedBoolean",), "boolean", False),
    ],
)
def test_a_node_knows_its_type_and_value(path: tuple[str | int, ...], type_: str, value: Any) -> None:
    node = _nodes(PATIENT)[path]
    assert (node.type, node.value) == (type_, value)


def test_a_primitive_carries_its_sibling() -> None:
    nodes = _nodes(PATIENT)
    assert nodes[("birthDate",)].sibling == PATIENT["_birthDate"]
    assert nodes[("name", 0, "given", 0)].sibling is None
    assert nodes[("name", 0, "given", 1)].sibling == PATIENT["name"][0]["_given"][1]


def test_resources_in_a_bundle_have_their_own_type() -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Basic", "id": "b"}}]}
    nodes = _nodes(bundle)
    assert nodes[("entry", 0)].type == "Bundle.entry"
    assert nodes[("entry", 0, "resource")].type == "Basic"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"resourceType": "Foo", "id": "x"},
        {"resourceType": 5},
        {"resourceType": "Patient", "name": "x"},
        {"resourceType": "Patient", "name": [None, 5, ["x"]]},
        {"resourceType": "Patient", "_birthDate": 5, "_name": {"id": "x"}},
        {"resourceType": "Patient", "_birthDate": [None], "birthDate": {"x": 1}},
        {"resourceType": "Patient", "contained": [{}, {"resourceType": ["x"]}, 5]},
        {"resourceType": "Patient", "managingOrganization": {"reference": 5}},
        {"resourceType": "Patient", "managingOrganization": "Organization/1"},
        {"resourceType": "Patient", "text": {"div": 5}},
    ],
)
def test_an_invalid_resource_is_walked_without_failure(broken: dict[str, Any]) -> None:
    assert next(walk(broken, find)).value is broken
    assert list(references(broken, find)) == []
    assert rewrite_links(broken, lambda _: "x", find) is not None


def test_literal_references_are_listed_with_their_place() -> None:
    found = {reference.path: reference.literal for reference in references(PATIENT, find)}
    assert found == {("contained", 0, "partOf"): "urn:uuid:1", ("managingOrganization",): "#o"}
    (first, _) = references(PATIENT, find)
    assert first.holder is PATIENT["contained"][0]["partOf"]


@pytest.mark.parametrize(
    ("resource", "path", "expression"),
    [
        (PATIENT, (), "Patient"),
        (PATIENT, ("name", 0, "given", 1), "Patient.name[0].given[1]"),
        (PATIENT, ("name", 0, "_given", 1, "extension", 0, "valueUri"),
         "Patient.name[0].given[1].extension[0].value.ofType(uri)"),
        (PATIENT, ("_birthDate", "extension", 0, "url"), "Patient.birthDate.extension[0].url"),
        (PATIENT, ("deceasedBoolean",), "Patient.deceased.ofType(boolean)"),
        (PATIENT, ("contained", 0, "partOf"), "Patient.contained[0].partOf"),
        (PATIENT, ("surname", "x", 0), "Patient.surname.x[0]"),
        (BUNDLE, ("entry", 0, "resource", "valueString"), "Bundle.entry[0].resource.value.ofType(string)"),
        (BUNDLE, ("entry", 3, "resource", "x"), "Bundle.entry[3].resource.x"),
    ],
)  # fmt: skip
def test_a_path_is_formatted_as_fhirpath(
    resource: dict[str, Any], path: tuple[str | int, ...], expression: str
) -> None:
    assert format_expression(resource, path, find) == expression


LINKED: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "meta": {"profile": ["urn:uuid:1"]},
    "text": {
        "status": "generated",
        "div": '<div xmlns="x"><a class="c" href="urn:uuid:1">urn:uuid:1</a>'
        "<img alt='>' src = 'urn:uuid:1'/>"
        '<p title="urn:uuid:1" href="urn:uuid:1">b</p><a href="urn:uuid:2"/></div>',
    },
    "identifier": [{"system": "urn:uuid:1", "value": "urn:uuid:1"}],
    "subject": {"reference": "urn:uuid:1", "display": "urn:uuid:1"},
    "content": [{"attachment": {"url": "urn:uuid:1", "title": "urn:uuid:1"}}],
    "extension": [
        {"url": "http://x", "valueUuid": "urn:uuid:1"},
        {"url": "http://x", "valueCanonical": "urn:uuid:1"},
        {"url": "http://x", "valueReference": {"reference": "urn:uuid:2"}},
    ],
    "_status": {"extension": [{"url": "http://x", "valueOid": "urn:uuid:1"}]},
    "unknown": {"reference": "urn:uuid:1"},
}


def test_links_are_replaced_where_the_standard_says() -> None:
    before = deepcopy(LINKED)
    after = rewrite_links(LINKED, {"urn:uuid:1": "Patient/1?a=1&b"}.get, find)
    assert before == LINKED
    expected = deepcopy(LINKED)
    link = "Patient/1?a=1&b"
    expected["text"]["div"] = (
        '<div xmlns="x"><a class="c" href="Patient/1?a=1&amp;b">urn:uuid:1</a>'
        "<img alt='>' src = \"Patient/1?a=1&amp;b\"/>"
        '<p title="urn:uuid:1" href="urn:uuid:1">b</p><a href="urn:uuid:2"/></div>'
    )
    expected["identifier"][0]["system"] = link
    expected["subject"]["reference"] = link
    expected["content"][0]["attachment"]["url"] = link
    expected["extension"][0]["valueUuid"] = link
    expected["_status"]["extension"][0]["valueOid"] = link
    assert after == expected
    assert list(after) == list(LINKED)


def test_links_in_contained_and_nested_resources_are_replaced() -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": PATIENT}]}
    after = rewrite_links(bundle, {"urn:uuid:1": "Organization/1"}.get, find)
    patient = after["entry"][0]["resource"]
    assert patient["contained"][0]["partOf"] == {"reference": "Organization/1"}
    assert patient["name"][0]["_given"][1]["extension"][0]["valueUri"] == "Organization/1"


def test_an_escaped_link_of_a_narrative_is_read_before_it_is_replaced() -> None:
    patient = {"resourceType": "Patient", "text": {"div": '<div><a href="Patient?a=1&amp;b=2">x</a></div>'}}
    after = rewrite_links(patient, {"Patient?a=1&b=2": "Patient/7"}.get, find)
    assert after["text"]["div"] == '<div><a href="Patient/7">x</a></div>'


def test_a_narrative_made_to_confuse_the_search_for_links_is_read_in_linear_time() -> None:
    for part in ("<a ", '<a "', "<a 'x\" ", "<a href=", "<a  "):
        patient = {"resourceType": "Patient", "text": {"div": part * 50_000}}
        assert rewrite_links(patient, lambda _: "x", find) is patient


@SOME
@given(any_resources())
def test_a_resource_without_replaced_links_is_returned_itself(resource: dict[str, Any]) -> None:
    assert rewrite_links(resource, lambda _: None, find) is resource


@SOME
@given(any_resources())
def test_a_walk_meets_every_literal_once(resource: dict[str, Any]) -> None:
    def count(value: Any) -> int:
        if isinstance(value, dict):
            return sum(count(item) for key, item in value.items() if key != "resourceType")
        return sum(map(count, value)) if isinstance(value, list) else value is not None

    literals = [node for node in walk(resource, find) if not isinstance(node.value, dict | None)]
    assert len(literals) == count(resource)


@SOME
@given(any_resources())
def test_every_reference_can_be_replaced(resource: dict[str, Any]) -> None:
    after = rewrite_links(resource, lambda link: f"{link}#x", find)
    literals = [reference.literal for reference in references(resource, find)]
    assert [reference.literal for reference in references(after, find)] == [f"{link}#x" for link in literals]
