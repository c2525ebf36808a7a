"""FHIR transaction: order, links, all or nothing. https://hl7.org/fhir/R4/http.html#trules"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pymongo import MongoClient

from tests.examples import (
    SYSTEM_URI,
    Resource,
    body,
    create,
    entries,
    entry,
    observation,
    patient,
    problem,
    problems,
    total,
    transaction,
)
from tests.http_client import FhirHttp
from tests.running_server import RunningServer


def send(fhir: FhirHttp, *rows: Resource) -> list[Resource]:
    """Posts a transaction and returns the entries of the answer."""
    answer = fhir.post("", transaction(*rows), headers={"Prefer": "return=representation"})
    assert answer.status_code == 200, answer.text
    page = body(answer)
    assert page["type"] == "transaction-response"
    assert len(entries(page)) == len(rows)
    return entries(page)


def statuses(rows: list[Resource]) -> list[str]:
    return [row["response"]["status"][:3] for row in rows]


def urn() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def everything(server: RunningServer) -> dict[str, Any]:
    """Returns all that the database holds, but tokens, locks and the audit trail."""
    with MongoClient(server.inside.settings.mongodb_uri) as client:
        database = client[server.inside.settings.mongodb_database]
        names = set(database.list_collection_names()) - {
            "AuditEvent",
            "locks",
            "oauth_access_tokens",
            "state",
        }
        found = {name: sorted(database[name].find(), key=lambda d: str(d["_id"])) for name in names}
        return {name: rows for name, rows in found.items() if rows}


# --- order ------------------------------------------------------------------------------------------


def test_deletes_then_creates_then_updates_then_reads_whatever_the_order_of_entries(fhir: FhirHttp) -> None:
    key, other = uuid.uuid4().hex, uuid.uuid4().hex
    old = create(fhir, patient(key))["id"]
    kept = create(fhir, patient())["id"]
    rows = send(
        fhir,
        entry("GET", f"Patient?identifier={key}"),
        entry("GET", f"Patient/{kept}"),
        entry("GET", f"Patient/{kept}/_history"),
        entry("PUT", f"Patient/{kept}", patient(other, id=kept)),
        entry("POST", "Patient", patient(key), ifNoneExist=f"identifier={key}"),
        entry("DELETE", f"Patient/{old}"),
    )
    assert statuses(rows) == ["200", "200", "200", "200", "201", "204"]
    found = [row["resource"]["id"] for row in entries(rows[0]["resource"])]
    assert found == [rows[4]["resource"]["id"]]
    assert rows[1]["resource"]["identifier"][0]["value"] == other
    assert rows[1]["response"]["etag"] == 'W/"2"'
    assert [row["response"]["etag"] for row in entries(rows[2]["resource"])] == ['W/"2"', 'W/"1"']


def test_each_read_sees_the_writes_of_the_transaction(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    rows = send(
        fhir,
        entry("GET", f"Patient?identifier={key}"),
        entry("GET", "Patient/made-here"),
        entry("GET", "Patient/made-here/_history/1"),
        entry("HEAD", "Patient/made-here"),
        entry("GET", "Patient/_history?_count=1"),
        entry("PUT", "Patient/made-here", patient(key, id="made-here")),
    )
    assert rows[0]["resource"]["total"] == 1
    assert rows[1]["resource"]["id"] == "made-here"
    assert rows[2]["resource"]["id"] == "made-here"
    assert "resource" not in rows[3]
    assert entries(rows[4]["resource"])[0]["resource"]["id"] == "made-here"


# --- links ------------------------------------------------------------------------------------------


def test_urn_uuids_become_the_references_of_what_was_created(fhir: FhirHttp) -> None:
    mother, child = urn(), urn()
    rows = send(
        fhir,
        entry("POST", "Observation", observation(child, performer=[{"reference": mother}])),
        entry("POST", "Patient", patient(link=[{"other": {"reference": mother}, "type": "seealso"}]), child),
        entry("POST", "Patient", patient(link=[{"other": {"reference": child}, "type": "seealso"}]), mother),
    )
    child_reference, mother_reference = (f"Patient/{rows[i]['resource']['id']}" for i in (1, 2))
    assert rows[0]["resource"]["subject"]["reference"] == child_reference
    assert rows[0]["resource"]["performer"][0]["reference"] == mother_reference
    assert rows[1]["resource"]["link"][0]["other"]["reference"] == mother_reference
    assert rows[2]["resource"]["link"][0]["other"]["reference"] == child_reference
    assert total(fhir, f"Observation?subject={child_reference}") == 1


def test_links_in_narratives_attachments_and_extensions_follow(fhir: FhirHttp) -> None:
    binary, person = urn(), urn()
    narrative = (
        f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{person}">he</a><img src="{binary}" alt="x"/>'
        f"<p>{person}</p></div>"
    )
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "text": {"status": "additional", "div": narrative},
        "extension": [
            {"url": "http://example.org/who", "valueReference": {"reference": person}},
            {"url": "http://example.org/what", "valueUri": person},
        ],
        "contained": [
            {"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "subject": {"reference": person}}
        ],
        "context": {"related": [{"reference": "#b"}]},
        "description": person,
        "content": [{"attachment": {"url": binary}}],
    }
    content = {"resourceType": "Binary", "contentType": "text/plain", "data": "Zm9v"}
    rows = send(
        fhir,
        entry("POST", "DocumentReference", document),
        entry("POST", "Binary", content, binary),
        entry("POST", "Patient", patient(), person),
    )
    found = rows[0]["resource"]
    patient_reference = f"Patient/{rows[2]['resource']['id']}"
    binary_reference = f"Binary/{rows[1]['resource']['id']}"
    assert found["content"][0]["attachment"]["url"] == binary_reference
    assert f'href="{patient_reference}"' in found["text"]["div"]
    assert f'src="{binary_reference}"' in found["text"]["div"]
    assert f"<p>{person}</p>" in found["text"]["div"]
    assert found["extension"][0]["valueReference"]["reference"] == patient_reference
    assert found["extension"][1]["valueUri"] == patient_reference
    assert found["contained"][0]["subject"]["reference"] == patient_reference
    assert found["description"] == person


def test_links_lead_to_conditional_matches_and_updates_too(fhir: FhirHttp) -> None:
    key, known = uuid.uuid4().hex, urn()
    stored = create(fhir, patient(key))
    by_put = f"made-{uuid.uuid4().hex[:8]}"
    named = f"http://elsewhere.example/fhir/Patient/{by_put}"
    rows = send(
        fhir,
        entry("POST", "Patient", patient(key), known, ifNoneExist=f"identifier={key}"),
        entry("PUT", f"Patient/{by_put}", patient(id=by_put), named),
        entry("POST", "Observation", observation(known)),
        entry("POST", "Observation", observation(named)),
    )
    assert statuses(rows) == ["200", "201", "201", "201"]
    assert rows[2]["resource"]["subject"]["reference"] == f"Patient/{stored['id']}"
    assert rows[3]["resource"]["subject"]["reference"] == f"Patient/{by_put}"


def test_a_relative_reference_is_resolved_against_the_full_url_of_its_entry(fhir: FhirHttp) -> None:
    """https://hl7.org/fhir/R4/bundle.html#references"""
    base = "http://elsewhere.example/fhir"
    rows = send(
        fhir,
        entry("POST", "Patient", patient(), f"{base}/Patient/77"),
        entry("POST", "Observation", observation("Patient/77"), f"{base}/Observation/1"),
        entry("POST", "Observation", observation("Patient/77"), "http://third.example/Observation/1"),
        entry("POST", "Observation", observation("Patient/77"), urn()),
    )
    references = [row["resource"]["subject"]["reference"] for row in rows[1:]]
    assert references == [f"Patient/{rows[0]['resource']['id']}", "Patient/77", "Patient/77"]


def test_links_in_a_patch_follow(fhir: FhirHttp) -> None:
    known = urn()
    stored = create(fhir, observation("Patient/x"))
    change = {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": "replace"},
                    {"name": "path", "valueString": "Observation.subject"},
                    {"name": "value", "valueReference": {"reference": known}},
                ],
            }
        ],
    }
    rows = send(
        fhir,
        entry("PATCH", f"Observation/{stored['id']}", change),
        entry("POST", "Patient", patient(), known),
    )
    assert rows[0]["resource"]["subject"]["reference"] == f"Patient/{rows[1]['resource']['id']}"


# --- conditional references -------------------------------------------------------------------------


def test_a_conditional_reference_with_one_match_becomes_that_reference(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    stored = create(fhir, patient(key))
    (row,) = send(fhir, entry("POST", "Observation", observation(f"Patient?identifier={SYSTEM_URI}|{key}")))
    assert row["resource"]["subject"]["reference"] == f"Patient/{stored['id']}"


@pytest.mark.parametrize("count", [0, 2])
def test_a_conditional_reference_with_none_or_several_matches_fails_all(fhir: FhirHttp, count: int) -> None:
    key = uuid.uuid4().hex
    for _ in range(count):
        create(fhir, patient(key))
    before = total(fhir, "Basic?")
    answer = fhir.post(
        "",
        transaction(
            entry("POST", "Basic", {"resourceType": "Basic", "code": {"text": "x"}}),
            entry("POST", "Observation", observation(f"Patient?identifier={key}")),
        ),
    )
    assert problem(answer, 412)["expression"][0].startswith("Bundle.entry[1]")
    assert total(fhir, "Basic?") == before


def test_a_conditional_reference_finds_what_the_transaction_creates(fhir: FhirHttp) -> None:
    """Rule 5 comes after rules 2 and 3. https://hl7.org/fhir/R4/http.html#trules"""
    key = uuid.uuid4().hex
    rows = send(
        fhir,
        entry("POST", "Observation", observation(f"Patient?identifier={key}")),
        entry("POST", "Patient", patient(key)),
    )
    assert rows[0]["resource"]["subject"]["reference"] == f"Patient/{rows[1]['resource']['id']}"


@pytest.mark.parametrize("criteria", ["colour=blue", "identifier=", "_count=1", "&" * 2000])
def test_criteria_of_a_reference_are_read_strictly(fhir: FhirHttp, criteria: str) -> None:
    answer = fhir.post(
        "",
        transaction(entry("POST", "Observation", observation(f"Patient?{criteria}"))),
        headers={"Prefer": "handling=lenient"},
    )
    assert problem(answer, 400)["expression"][0].startswith("Bundle.entry[0]")


# --- conditional entries and duplicates -------------------------------------------------------------


def test_conditional_entries_stand_for_what_they_find(fhir: FhirHttp) -> None:
    keys = [uuid.uuid4().hex for _ in range(4)]
    ids = [create(fhir, patient(key))["id"] for key in keys[:3]]
    rows = send(
        fhir,
        entry("POST", "Patient", patient(keys[0]), ifNoneExist=f"identifier={keys[0]}"),
        entry("PUT", f"Patient?identifier={keys[1]}", patient(keys[1], active=True)),
        entry("DELETE", f"Patient?identifier={keys[2]}"),
        entry("PUT", f"Patient?identifier={keys[3]}", patient(keys[3])),
    )
    assert statuses(rows) == ["200", "200", "204", "201"]
    assert rows[0]["resource"]["id"] == ids[0]
    assert rows[1]["resource"]["id"] == ids[1]
    problem(fhir.get(f"Patient/{ids[2]}"), 410)


@pytest.mark.parametrize(
    "rows",
    [
        lambda key, id_: [
            entry("POST", "Patient", patient(key), ifNoneExist=f"identifier={key}"),
            entry("POST", "Patient", patient(key), ifNoneExist=f"identifier={key}"),
        ],
        lambda key, id_: [
            entry("PUT", f"Patient?identifier={key}", patient(key)),
            entry("PUT", f"Patient?identifier={key}", patient(key)),
        ],
        lambda key, id_: [
            entry("PUT", f"Patient/{id_}", patient(id=id_)),
            entry("PUT", f"Patient/{id_}", patient(id=id_)),
        ],
        lambda key, id_: [
            entry("PUT", f"Patient/{id_}", patient(id=id_)),
            entry("DELETE", f"Patient/{id_}"),
        ],
        lambda key, id_: [
            entry("PUT", f"Patient/{id_}", patient(id=id_)),
            entry("PUT", f"Patient?_id={id_}", patient(id=id_)),
        ],
        lambda key, id_: [
            entry("DELETE", f"Patient?_id={id_}"),
            entry("PUT", f"Patient/{id_}", patient(id=id_)),
        ],
        lambda key, id_: [
            entry("PUT", f"Patient/{key}", patient(id=key)),
            entry("PUT", f"Patient?identifier={key}", patient(key, id=key)),
        ],
    ],
    ids=[
        "conditional creates",
        "conditional updates",
        "updates",
        "update and delete",
        "update and conditional update",
        "conditional delete and update",
        "two creations of one id",
    ],
)
def test_no_resource_may_be_changed_twice(fhir: FhirHttp, server: RunningServer, rows: Any) -> None:
    stored = create(fhir, patient())
    before = everything(server)
    issues = problems(fhir.post("", transaction(*rows(uuid.uuid4().hex, stored["id"]))), 400)
    assert any(issue["expression"][0].startswith("Bundle.entry[1]") for issue in issues)
    assert everything(server) == before


def test_no_two_entries_have_one_full_url(fhir: FhirHttp, server: RunningServer) -> None:
    before = everything(server)
    rows = [entry("POST", "Patient", patient(), full_url := urn()), entry("POST", "Basic", basic(), full_url)]
    issues = problems(fhir.post("", transaction(*rows)), 422)
    assert [issue["details"]["coding"][0]["code"] for issue in issues] == ["invariant:bdl-7"]
    assert everything(server) == before


def basic() -> Resource:
    return {"resourceType": "Basic", "code": {"text": "x"}}


def test_several_matches_of_a_conditional_entry_fail_all(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    for _ in range(2):
        create(fhir, patient(key))
    for row in (
        entry("POST", "Patient", patient(key), ifNoneExist=f"identifier={key}"),
        entry("PUT", f"Patient?identifier={key}", patient(key)),
    ):
        issue = problem(fhir.post("", transaction(entry("POST", "Patient", patient()), row)), 412)
        assert issue["expression"][0].startswith("Bundle.entry[1]")


def test_a_conditional_patch_is_one_of_the_changes(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    stored = create(fhir, patient(key, active=True))
    removal = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL2FjdGl2ZSJ9XQ==",
    }
    change = entry("PATCH", f"Patient?identifier={key}", removal)
    twice = [change, entry("PUT", f"Patient/{stored['id']}", stored)]
    problem(fhir.post("", transaction(*twice)), 400)
    (row,) = send(fhir, change)
    assert row["response"]["location"] == f"Patient/{stored['id']}/_history/2"
    assert "active" not in row["resource"]
    for bad, status in ((f"identifier={key}x", 404), ("colour=x", 400), ("", 400)):
        answer = fhir.post("", transaction(entry("PATCH", f"Patient?{bad}", removal)))
        assert problem(answer, status)["expression"][0].startswith("Bundle.entry[0]")
