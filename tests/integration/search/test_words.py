"""_text and _content over HTTP: found by stems, scored, sorted, paged, within the caller's reach."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http_client import FhirHttp
from tests.minimal import minimal_resource
from tests.running_server import MakeClient

XHTML = "http://www.w3.org/1999/xhtml"


@pytest.fixture(scope="module", autouse=True)
def records(fhir: FhirHttp) -> None:
    texts = {
        "a": "Fracture du fémur",
        "b": "Fractures du fémur et du tibia",
        "c": "Entorse de la cheville",
        "d": "Tibia",
    }
    for patient in ("one", "two"):
        put(fhir, {**minimal_resource("Patient"), "id": patient})
    for id_, text in texts.items():
        condition: dict[str, Any] = {
            **minimal_resource("Condition"),
            "id": id_,
            "note": [{"text": f"Suivi à {id_}{id_}"}],
        }
        condition["text"] = {"status": "generated", "div": f'<div xmlns="{XHTML}">{text}</div>'}
        condition["subject"] = {"reference": "Patient/two" if id_ == "d" else "Patient/one"}
        put(fhir, condition)


def put(fhir: FhirHttp, resource: dict[str, Any]) -> None:
    answer = fhir.put(f"{resource['resourceType']}/{resource['id']}", resource)
    assert answer.status_code == 201, answer.text


def rows(bundle: dict[str, Any]) -> list[tuple[str, float]]:
    return [(row["resource"]["id"], row["search"]["score"]) for row in bundle.get("entry", [])]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("fractures", "ab"),
        ("femur tibia", "b"),
        ("fracture OR entorse", "abc"),
        ("fracture -tibia", "a"),
        ("suivi", ""),
    ],
)
def test_a_narrative_is_searched(fhir: FhirHttp, text: str, ids: str) -> None:
    bundle = fhir.search("Condition", {"_text": text}).json()
    assert sorted(id_ for id_, _ in rows(bundle)) == sorted(ids)
    assert fhir.search("Condition", {"_text": text, "_summary": "count"}, post=True).json()["total"] == len(
        ids
    )


def test_the_most_relevant_come_first_page_by_page(fhir: FhirHttp) -> None:
    asked = {"_content": "tibia OR fracture OR fémur", "_sort": "_score", "_count": "2"}
    bundle = fhir.search("Condition", asked).json()
    assert rows(bundle) == [("b", 1), ("a", 0.667)]
    following = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    assert rows(fhir.get(following).json()) == [("d", 0.333)]


def test_words_combine_with_what_else_is_asked(fhir: FhirHttp) -> None:
    assert rows(fhir.get("Condition?_content=tibia&patient=two").json()) == [("d", 1)]
    assert rows(fhir.get("Patient/one/Condition?_text=tibia").json()) == [("b", 1)]
    assert rows(fhir.get("?_type=Condition,Observation&_content=tibia&_sort=_id").json()) == [
        ("b", 1),
        ("d", 1),
    ]
    found = fhir.get("Patient?_has:Condition:patient:_content=entorse").json()["entry"]
    assert [row["resource"]["id"] for row in found] == ["one"]
    assert "score" not in found[0]["search"]
    included = fhir.get("Condition?_text=entorse&_include=Condition:subject").json()["entry"]
    assert [row["search"].get("score") for row in included] == [1, None]


def test_a_type_without_words_ignores_them_when_asked_to_be_lenient(fhir: FhirHttp) -> None:
    asked = "?_type=Condition,AuditEvent&_content=tibia&_count=50"
    bundle = fhir.get(asked, headers={"Prefer": "handling=lenient"}).json()
    scores = {r["resource"].get("id"): r["search"].get("score") for r in bundle["entry"]}
    assert (scores["b"], scores["d"]) == (1, 1)
    assert fhir.get(asked).status_code == 400


def test_who_is_bound_to_a_patient_finds_the_words_of_that_record(make_client: MakeClient) -> None:
    client = make_client("patient/*.rs", patient="two")
    assert rows(client.get("Condition?_content=tibia").json()) == [("d", 1)]


def test_what_is_deleted_or_changed_is_found_as_it_is(fhir: FhirHttp) -> None:
    put(fhir, {**minimal_resource("Basic"), "id": "x", "code": {"text": "Kyste"}})
    assert fhir.get("Basic?_content=kystes").json()["total"] == 1
    assert (
        fhir.put("Basic/x", {**minimal_resource("Basic"), "id": "x", "code": {"text": "Ulcère"}}).status_code
        == 200
    )
    assert fhir.get("Basic?_content=kystes").json()["total"] == 0
    fhir.delete("Basic/x")
    assert fhir.get("Basic?_content=ulcère").json()["total"] == 0


@pytest.mark.parametrize(
    "search",
    [
        "Condition?_text=la",
        "Condition?_text=-tibia",
        "Condition?_content=(x",
        "Bundle?_text=x",
        "AuditEvent?_content=x",
        "Condition?_text:contains=x",
    ],
)
def test_what_has_no_word_is_refused(fhir: FhirHttp, search: str) -> None:
    answer = fhir.get(search)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [f"http.{search.partition('?')[2].partition('=')[0]}"]
