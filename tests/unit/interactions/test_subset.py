"""_summary and _elements of resources of every type. https://hl7.org/fhir/R4/search.html#summary"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid
from fhir_server.fhir.json import encode_json, parse_json
from fhir_server.interactions.subset import subset
from tests.generated import any_resources

ALWAYS = {"resourceType", "id", "meta"}


def reduced(resource: dict[str, Any], *query: tuple[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = parse_json(subset(encode_json(resource), resource["resourceType"], query))
    return found


def element_of(resource: dict[str, Any], key: str) -> Any:
    return load_definitions().structure(resource["resourceType"]).keys[key.removeprefix("_")][0]


@settings(max_examples=60)
@given(any_resources())
def test_each_kind_keeps_what_the_standard_says(resource: dict[str, Any]) -> None:
    top = {k: element_of(resource, k) for k in resource if k not in ALWAYS}
    expected = {
        "true": {k for k, e in top.items() if e.summary},
        "text": {k for k, e in top.items() if e.min > 0 or e.name == "text"},
        "data": {k for k in top if k != "text"},
    }
    for summary, keys in expected.items():
        assert set(reduced(resource, ("_summary", summary))) - ALWAYS == keys


@settings(max_examples=60)
@given(any_resources(), st.data())
def test_elements_keeps_the_named_and_the_needed(resource: dict[str, Any], data: st.DataObject) -> None:
    names = sorted({element_of(resource, k).name.removesuffix("[x]") for k in resource if k not in ALWAYS})
    wanted = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)) if names else ["id"]
    found = reduced(resource, ("_elements", ",".join(wanted)))
    for key in set(resource) - ALWAYS:
        element = element_of(resource, key)
        keep = element.name.removesuffix("[x]") in wanted or element.min > 0 or element.modifier
        assert (key in found) == keep
        assert not keep or found[key] == resource[key]


@given(any_resources())
@settings(max_examples=20)
def test_without_asking_the_bytes_are_the_same(resource: dict[str, Any]) -> None:
    raw = encode_json(resource)
    type_ = resource["resourceType"]
    assert subset(raw, type_, []) is raw
    assert subset(raw, type_, [("_summary", "false")]) is raw
    assert subset(raw, type_, [("_elements", "")]) is raw
    assert subset(raw, type_, [("name", "x")]) is raw


def test_a_part_is_marked_once() -> None:
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    other = {"system": "urn:x", "code": "SUBSETTED"}
    for before in ([], [other], [tag], [other, tag]):
        resource = {"resourceType": "Patient", "meta": {"versionId": "1", "tag": before}, "active": True}
        tags = reduced(resource, ("_elements", "active"))["meta"]["tag"]
        assert tags.count(tag) == 1
        assert [t for t in tags if t != tag] == [t for t in before if t != tag]


def test_backbone_elements_are_reduced_too() -> None:
    resource = {
        "resourceType": "CapabilityStatement",
        "rest": [{"mode": "server", "resource": [{"type": "Patient", "interaction": [{"code": "read"}]}]}],
    }
    row = reduced(resource, ("_summary", "true"))["rest"][0]
    assert row["resource"] == [{"type": "Patient"}] or "interaction" not in row["resource"][0]


@pytest.mark.parametrize(
    "query",
    [[("_summary", "yes")], [("_summary", "")], [("_summary", "true"), ("_elements", "active")]],
)
def test_what_makes_no_sense_is_refused(query: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid):
        subset(b'{"resourceType":"Patient"}', "Patient", query)
