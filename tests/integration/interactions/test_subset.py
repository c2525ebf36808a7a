"""_summary and _elements on every interaction that returns resources. https://hl7.org/fhir/R4/search.html#summary"""

from __future__ import annotations

from typing import Any

import pytest

from tests.examples import Resource, body, create, entries, problem
from tests.http_client import FhirHttp

RESOURCE: Resource = {
    "resourceType": "Patient",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "extension": [{"url": "http://example.org/e", "valueString": "x"}],
    "implicitRules": "http://example.org/rules",
    "active": True,
    "name": [{"family": "Curie", "_family": {"id": "f"}}],
    "birthDate": "1867-11-07",
    "_birthDate": {"extension": [{"url": "http://example.org/t", "valueString": "x"}]},
    "deceasedBoolean": True,
    "maritalStatus": {"text": "married"},
    "photo": [{"title": "x"}],
    "contact": [{"name": {"family": "Joliot"}}],
    "communication": [{"language": {"text": "fr"}}],
    "link": [{"other": {"reference": "Patient/x"}, "type": "seealso"}],
}
ALWAYS = {"resourceType", "id", "meta"}


@pytest.fixture(scope="module")
def path(fhir: FhirHttp) -> str:
    return f"Patient/{create(fhir, RESOURCE)['id']}"


def keys(resource: Resource) -> set[str]:
    return set(resource) - ALWAYS


def subsetted(resource: Resource) -> bool:
    return any(tag["code"] == "SUBSETTED" for tag in resource["meta"].get("tag", []))


def every_way(fhir: FhirHttp, path: str, query: str) -> list[Resource]:
    """Returns the resource as read, vread, history and search give it."""
    id_ = path.partition("/")[2]
    return [
        body(fhir.get(f"{path}?{query}")),
        body(fhir.get(f"{path}/_history/1?{query}")),
        entries(body(fhir.get(f"{path}/_history?{query}")))[0]["resource"],
        entries(body(fhir.get(f"Patient?_id={id_}&{query}")))[0]["resource"],
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "_summary=true",
            {"implicitRules", "active", "name", "birthDate", "_birthDate", "deceasedBoolean", "link"},
        ),
        ("_summary=text", {"text"}),
        ("_summary=data", set(RESOURCE) - {"text"} | {"_birthDate"}),
        ("_elements=name", {"name", "implicitRules", "active", "deceasedBoolean", "link"}),
        (
            "_elements=birthDate,maritalStatus",
            {
                "birthDate",
                "_birthDate",
                "maritalStatus",
                "implicitRules",
                "active",
                "deceasedBoolean",
                "link",
            },
        ),
        ("_elements=Patient.photo", {"photo", "implicitRules", "active", "deceasedBoolean", "link"}),
    ],
)
def test_parts_of_a_resource_are_marked(fhir: FhirHttp, path: str, query: str, expected: set[str]) -> None:
    for found in every_way(fhir, path, query):
        assert keys(found) == expected - ALWAYS
        assert subsetted(found)
        assert found["meta"]["versionId"] == "1"


@pytest.mark.parametrize("query", ["_summary=false", ""])
def test_the_whole_is_not_marked(fhir: FhirHttp, path: str, query: str) -> None:
    for found in every_way(fhir, path, query):
        assert keys(found) == set(RESOURCE) - ALWAYS
        assert not subsetted(found)


def test_the_stored_resource_stays_whole(fhir: FhirHttp, path: str) -> None:
    fhir.get(f"{path}?_summary=text")
    assert keys(body(fhir.get(path))) == set(RESOURCE) - ALWAYS


def test_summary_count_of_a_search_has_no_entries(fhir: FhirHttp, path: str) -> None:
    page = body(fhir.get(f"Patient?_id={path[8:]}&_summary=count"))
    assert page["total"] == 1
    assert "entry" not in page


@pytest.mark.parametrize("query", ["_summary=x", "_summary=true&_elements=name", "_summary=TRUE"])
def test_what_is_no_summary_is_400(fhir: FhirHttp, path: str, query: str) -> None:
    problem(fhir.get(f"{path}?{query}"), 400)
    problem(fhir.get(f"Patient?{query}"), 400)
    problem(fhir.get(f"{path}/_history?{query}"), 400)


def test_the_version_of_a_part_is_that_of_the_whole(fhir: FhirHttp, path: str) -> None:
    answer = fhir.get(f"{path}?_elements=name")
    assert answer.headers["ETag"] == 'W/"1"'


def test_decimals_keep_their_digits_in_parts(fhir: FhirHttp) -> None:
    data = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":0.10,"unit":"g"}}'
    )
    stored: Any = body(fhir.post("Observation", data))
    path = f"Observation/{stored['id']}"
    for query in (
        "_summary=true",
        "_summary=data",
        "_elements=value",
        "_elements=valueQuantity",
        "_pretty=true",
    ):
        assert b"0.10" in fhir.get(f"{path}?{query}").content
