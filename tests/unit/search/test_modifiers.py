"""Modifiers that look at texts, types of identifiers, paths of URLs and versions of canonicals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid, NotSupported
from fhir_server.search.compile import compile_query
from fhir_server.search.fold import fold
from fhir_server.search.index import extract_index
from fhir_server.search.parse import parse_query
from tests.unit.search.stored_filter import matches

BASE_URL = "https://example.org/fhir"
V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def found(resource: dict[str, Any], name: str, text: str) -> bool:
    """Says whether a resource is found by one parameter."""
    query, _ = parse_query(
        resource["resourceType"],
        [(name, text)],
        load_definitions().search_parameters,
        lenient=False,
        base_url=BASE_URL,
    )
    index = extract_index({"id": "1", **resource}, 0, BASE_URL)
    return matches(compile_query(query).match({}), {"_id": "1", "t": index.tokens, "r": index.ranges})


def refused(resource_type: str, name: str, text: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        found({"resourceType": resource_type}, name, text)
    assert caught.value.issues[0].expression == f"http.{name}"
    return caught.value


# --- :text ---------------------------------------------------------------------------------------


def observation(text: str | None, *displays: str) -> dict[str, Any]:
    concept: dict[str, Any] = {"coding": [{"code": "x", "display": d} for d in displays]}
    return {"resourceType": "Observation", "code": concept | ({"text": text} if text else {})}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("systolic", True),
        ("SYSTO", True),
        ("blood", True),
        ("blood pres", True),
        ("pressure (mean", True),
        ("systolic pressure", False),
        ("ystolic", False),
        ("pressure blood", False),
        ("l'hôp", True),
        ("HOPITAL", True),
        ("by", True),
        ("by method", True),
        ("of m", False),
        ("méthode", False),
        ("pressure mean by", True),
        ("nothing,blood", True),
        ("blood\\,pressure", True),
    ],
)
def test_texts_are_found_by_the_beginning_of_their_words(asked: str, expected: bool) -> None:
    resource = observation("Systolic blood-pressure, (mean) by method", "À l’hôpital", "by and by")
    assert found(resource, "code:text", asked) == expected


def test_display_text_and_type_of_an_identifier_are_texts() -> None:
    assert found(observation(None, "Weight"), "code:text", "wei")
    assert found(observation("Weight"), "code:text", "wei")
    assert found(observation("Weight"), "combo-code:text", "wei")
    patient = {
        "resourceType": "Patient",
        "identifier": [{"value": "1", "type": {"text": "Numéro de dossier"}}],
    }
    assert found(patient, "identifier:text", "dossier")
    assert not found(patient, "identifier:text", "1")
    tagged = {"resourceType": "Patient", "meta": {"tag": [{"code": "t", "display": "Actionable"}]}}
    assert found(tagged, "_tag:text", "action")


def test_what_has_a_text_alone_has_a_value() -> None:
    resource = {"resourceType": "Observation", "code": {"text": "Weight"}}
    assert found(resource, "code:missing", "false")
    assert not found(resource, "code:missing", "true")
    assert not found(resource, "code", "Weight")


WORDS = st.sampled_from(["de", "la", "sang", "sangsue", "foie", "a", "fo", "Œdème", "oedeme"])


@given(st.lists(WORDS, min_size=1, max_size=5), st.lists(WORDS, min_size=1, max_size=3), st.integers(1, 6))
def test_a_text_is_found_where_the_words_stand_side_by_side(
    text: list[str], asked: list[str], cut: int
) -> None:
    asked = [*asked[:-1], asked[-1][:cut]]
    stored, wanted = fold(" ".join(text)).split(), fold(" ".join(asked)).split()
    places = [i for i in range(len(stored)) if stored[i : i + len(wanted) - 1] == wanted[:-1]]
    begins = [
        i
        for i in places
        if i + len(wanted) <= len(stored) and stored[i + len(wanted) - 1].startswith(wanted[-1])
    ]
    result = found(observation(" ".join(text)), "code:text", " ".join(asked))
    # Short words lead to the beginning of a text only.
    assert result == bool(begins) if max(map(len, wanted)) > 2 else result or begins != [0]


@pytest.mark.parametrize("value", ["  ", "()", "x" * 300])
def test_a_text_without_words_is_refused(value: str) -> None:
    refused("Observation", "code:text", value)


def test_long_texts_are_found_by_what_they_begin_with() -> None:
    assert found(observation("word " * 1000), "code:text", "word word word")
    assert found(observation("x" * 5000), "code:text", "x" * 240)


def test_what_has_no_text_cannot_be_searched_by_it() -> None:
    refused("Patient", "gender:text", "male")
    assert isinstance(refused("AuditEvent", "type:text", "rest"), NotSupported)
    assert not any(
        ":text=" in t
        for t in extract_index(
            {"resourceType": "AuditEvent", "id": "1", "type": {"code": "rest", "display": "RESTful"}}, 0
        ).tokens
    )


# --- :of-type ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (f"{V2_0203}|MR|446053", True),
        (f"{V2_0203}|MR|4", False),
        (f"{V2_0203}|SS|446053", False),
        ("http://other|MR|446053", False),
        ("http://other|NI|446053", True),
        (f"{V2_0203}|MR|a\\|b", False),
    ],
)
def test_identifiers_are_found_by_their_type(asked: str, expected: bool) -> None:
    type_ = {"coding": [{"system": V2_0203, "code": "MR"}, {"system": "http://other", "code": "NI"}, 5]}
    patient = {"resourceType": "Patient", "identifier": [{"type": type_, "value": "446053"}]}
    assert found(patient, "identifier:of-type", asked) == expected


def test_all_three_parts_of_a_typed_identifier_are_needed() -> None:
    for value in ("MR", "MR|446053", "|MR|446053", f"{V2_0203}||446053", f"{V2_0203}|MR|", "a|b|c|d"):
        refused("Patient", "identifier:of-type", value)
    refused("Patient", "gender:of-type", f"{V2_0203}|MR|446053")


def test_an_identifier_of_no_kind_has_no_typed_entry() -> None:
    for type_ in (5, {}, {"coding": 5}, {"coding": [{"code": 5}]}):
        patient = {"resourceType": "Patient", "id": "1", "identifier": [{"type": type_, "value": "1"}]}
        assert not any(":of-type" in t for t in extract_index(patient, 0).tokens)


# --- uri and canonical -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://acme.org/fhir/ValueSet/123/_history/5", True),
        ("http://acme.org/fhir/ValueSet/123", True),
        ("http://acme.org/fhir/ValueSet", True),
        ("http://acme.org/fhir/", True),
        ("http://acme.org", True),
        ("http://acme.org/fhir/Value", False),
        ("http://acme.org/other", False),
        ("http://acme.org/fhir2", False),
    ],
)
def test_a_url_is_above_another_when_its_path_begins_so(url: str, expected: bool) -> None:
    value_set = {"resourceType": "ValueSet", "url": url}
    assert found(value_set, "url:above", "http://acme.org/fhir/ValueSet/123/_history/5") == expected


def test_a_urn_is_above_nothing_else() -> None:
    assert found({"resourceType": "ValueSet", "url": "urn:oid:1.2"}, "url:above", "urn:oid:1.2")
    assert not found({"resourceType": "ValueSet", "url": "urn:oid:1"}, "url:above", "urn:oid:1.2")
    refused("ValueSet", "url:above", "http://a" + "/b" * 50)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("http://acme.com/p", True),
        ("http://acme.com/p|1", True),
        ("http://acme.com/p|1.0", True),
        ("http://acme.com/p|1.0.2", True),
        ("http://acme.com/p|1.1", False),
        ("http://acme.com/p|2", False),
        ("http://acme.com", False),
    ],
)
def test_a_canonical_below_a_version_has_a_longer_one(asked: str, expected: bool) -> None:
    plan = {"resourceType": "CarePlan", "instantiatesCanonical": ["http://acme.com/p|1.0.2"]}
    assert found(plan, "instantiates-canonical:below", asked) == expected


def test_versions_are_compared_in_whole_parts() -> None:
    plan = {"resourceType": "CarePlan", "instantiatesCanonical": ["http://acme.com/p|10.0"]}
    assert not found(plan, "instantiates-canonical:below", "http://acme.com/p|1")


def test_hierarchies_are_of_resources_that_have_parents() -> None:
    refused("Observation", "subject:below", "Patient/1")
    refused("Observation", "subject:below", "nothing at all")
    refused("CarePlan", "instantiates-canonical:above", "http://acme.com/p|1")
    refused("CarePlan", "instantiates-canonical:below", "1")


# --- media types -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "asked", "expected"),
    [
        ("text/xml", "text/xml", True),
        ("text/xml; charset=UTF-8", "text/xml", True),
        ("text/xml;charset=UTF-8", "text/xml", True),
        ("text/xml+x", "text/xml", False),
        ("text/xml", "text", True),
        ("textual/xml", "text", False),
        ("text/xml ;q=1", "text/xml", True),
    ],
)
def test_media_types_are_found_whatever_their_parameters(stored: str, asked: str, expected: bool) -> None:
    content = [{"attachment": {"contentType": stored}}]
    document = {"resourceType": "DocumentReference", "content": content}
    assert found(document, "contenttype:below", asked) == expected


def test_a_media_type_must_be_one() -> None:
    refused("DocumentReference", "contenttype:below", "text/xml; charset=UTF-8")
    refused("DocumentReference", "contenttype:below", "/")
