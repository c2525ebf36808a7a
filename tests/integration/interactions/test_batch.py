"""FHIR batch: each entry stands alone. https://hl7.org/fhir/R4/http.html#transaction"""

from __future__ import annotations

import uuid

import pytest

from tests.examples import (
    Resource,
    batch,
    body,
    bundle,
    create,
    entries,
    entry,
    observation,
    patient,
    problem,
    problems,
    total,
)
from tests.http_client import FhirHttp


def send(fhir: FhirHttp, *rows: Resource, prefer: str | None = None) -> list[Resource]:
    """Posts a batch and returns the entries of the answer."""
    answer = fhir.post("", batch(*rows), headers={"Prefer": prefer} if prefer else None)
    assert answer.status_code == 200, answer.text
    page = body(answer)
    assert page["type"] == "batch-response"
    assert len(entries(page)) == len(rows)
    return entries(page)


def statuses(rows: list[Resource]) -> list[str]:
    return [row["response"]["status"][:3] for row in rows]


def test_what_fails_fails_alone_and_names_its_entry(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    rows = send(
        fhir,
        entry("POST", "Patient", patient(key)),
        entry("POST", "Patient", patient(key, gender="x")),
        entry("GET", "Patient/nothing"),
        entry("PUT", "Patient/other", patient(id="one")),
        entry("GET", "Client/1"),
        entry("DELETE", "Patient?colour=blue"),
        entry("POST", "Observation", patient()),
        entry("POST", "Patient", patient(key)),
    )
    assert statuses(rows) == ["201", "422", "404", "400", "404", "400", "400", "201"]
    for index in range(1, 7):
        issues = rows[index]["response"]["outcome"]["issue"]
        assert all(issue["expression"][0].startswith(f"Bundle.entry[{index}].") for issue in issues)
    assert rows[1]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1].resource.gender"]
    assert total(fhir, f"Patient?identifier={key}") == 2


def test_answers_come_in_the_order_of_the_entries(fhir: FhirHttp) -> None:
    path = f"Patient/{create(fhir, patient())['id']}"
    rows = send(
        fhir,
        entry("GET", path),
        entry("DELETE", path),
        entry("GET", path),
        entry("PUT", path, patient(id=path[8:])),
        entry("GET", f"{path}/_history"),
        entry("GET", f"{path}/_history/1"),
        entry("GET", f"Patient?_id={path[8:]}"),
    )
    assert statuses(rows) == ["200", "204", "410", "201", "200", "200", "200"]
    assert rows[0]["resource"]["id"] == path[8:]
    assert rows[0]["response"]["etag"] == 'W/"1"'
    assert rows[0]["response"]["lastModified"] == rows[0]["resource"]["meta"]["lastUpdated"]
    assert rows[3]["response"]["location"] == f"{path}/_history/3"
    assert rows[4]["resource"]["type"] == "history"
    assert rows[6]["resource"]["total"] == 1


def test_each_kind_of_entry(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    path = f"Patient/{create(fhir, patient(key))['id']}"
    patch = {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": "add"},
                    {"name": "path", "valueString": "Patient"},
                    {"name": "name", "valueString": "active"},
                    {"name": "value", "valueBoolean": True},
                ],
            }
        ],
    }
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL2FjdGl2ZSJ9XQ==",
    }
    rows = send(
        fhir,
        entry("PATCH", path, patch),
        entry("PATCH", path, binary),
        entry("PATCH", f"Patient?identifier={key}", patch),
        entry("POST", "Patient", patient(key), ifNoneExist=f"identifier={key}"),
        entry("PUT", f"Patient?identifier={key}", patient(key)),
        entry("PUT", path, patient(id=path[8:]), ifMatch='W/"1"'),
        entry("GET", path, ifNoneMatch='W/"5"'),
        entry("HEAD", path),
        entry("DELETE", f"Patient?identifier={key}"),
    )
    assert statuses(rows) == ["200", "200", "200", "200", "200", "412", "304", "200", "204"]
    assert "resource" not in rows[6]
    assert "resource" not in rows[7]


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        (None, None),
        ("return=minimal", None),
        ("return=representation", "Patient"),
        ("return=OperationOutcome", "outcome"),
    ],
)
def test_the_client_chooses_what_writes_return(fhir: FhirHttp, prefer: str | None, kind: str | None) -> None:
    (row,) = send(fhir, entry("POST", "Patient", patient()), prefer=prefer)
    assert row["response"]["location"].startswith("Patient/")
    assert row["response"]["etag"] == 'W/"1"'
    assert row.get("resource", {}).get("resourceType") == (kind if kind == "Patient" else None)
    assert ("outcome" in row["response"]) == (kind == "outcome")


def test_an_entry_without_request_fails_alone(fhir: FhirHttp) -> None:
    rows = send(fhir, {"resource": patient()}, entry("POST", "Patient", patient()))
    assert statuses(rows) == ["422", "201"] or statuses(rows) == ["400", "201"]


def test_a_request_with_an_extension_in_place_of_its_url_is_refused(fhir: FhirHttp) -> None:
    absent = {
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
        ]
    }
    rows = send(
        fhir,
        {"request": {"method": "GET", "_url": absent}},
        {"request": {"url": "Patient/1", "_method": absent}},
    )
    assert all(status.startswith("4") for status in statuses(rows))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "metadata",
        "http://elsewhere.example/fhir/Patient",
        "//elsewhere.example/fhir/Patient",
        "file:///etc/passwd",
        "../Patient/1",
        "Patient/..%2f..",
        "Patient/%00",
        "Patient/1/_history/1/_history",
        "Patient/$everything",
        "Patient/_search",
        "?",
        "Patient?identifier=%FF",
        "Patient?" + "&".join(f"identifier={i}" for i in range(2000)),
    ],
)
def test_a_url_that_is_none_of_this_server_fails_alone(fhir: FhirHttp, url: str) -> None:
    good, bad = send(fhir, entry("GET", "Patient?_count=0"), entry("GET", url))
    assert good["response"]["status"] == "200"
    assert bad["response"]["status"][0] == "4", bad
    assert bad["response"]["outcome"]["issue"][0]["expression"][0].startswith("Bundle.entry[1].")


def test_a_url_may_be_absolute_when_it_is_ours(fhir: FhirHttp) -> None:
    stored = create(fhir, patient())
    (row,) = send(fhir, entry("GET", f"{fhir.base_url}/Patient/{stored['id']}"))
    assert row["resource"] == stored


def test_encoded_characters_in_a_url_are_decoded_once(fhir: FhirHttp) -> None:
    create(fhir, patient(name=[{"family": "A&B%20C"}]))
    (row,) = send(fhir, entry("GET", "Patient?family:exact=A%26B%2520C&_summary=count"))
    assert row["resource"]["total"] == 1


@pytest.mark.parametrize("type_", ["transaction", "batch"])
def test_a_bundle_in_a_bundle_is_stored_not_processed(fhir: FhirHttp, type_: str) -> None:
    key = uuid.uuid4().hex
    inner = bundle(type_, entry("POST", "Patient", patient(key)))
    (row,) = send(fhir, entry("POST", "Bundle", inner))
    assert row["response"]["status"] == "201"
    assert total(fhir, f"Patient?identifier={key}") == 0
    (row,) = send(fhir, entry("POST", "", inner))
    assert row["response"]["status"][0] == "4"
    assert total(fhir, f"Patient?identifier={key}") == 0


def test_entries_do_not_refer_to_each_other(fhir: FhirHttp) -> None:
    name = f"urn:uuid:{uuid.uuid4()}"
    rows = send(
        fhir,
        entry("POST", "Patient", patient(), name),
        entry("POST", "Observation", observation(name)),
        prefer="return=representation",
    )
    assert rows[1]["resource"]["subject"]["reference"] == name


# --- the Bundle itself ------------------------------------------------------------------------------


def test_an_empty_batch_is_answered(fhir: FhirHttp) -> None:
    answer = fhir.post("", batch())
    assert body(answer)["type"] == "batch-response"
    assert "entry" not in body(answer)


@pytest.mark.parametrize(
    "type_", ["searchset", "collection", "document", "history", "batch-response", "x", 1, None]
)
def test_other_bundles_are_not_processed(fhir: FhirHttp, type_: object) -> None:
    resource = {"resourceType": "Bundle", "type": type_, "entry": [entry("POST", "Patient", patient())]}
    before = total(fhir, "Patient?")
    answer = fhir.post("", resource)
    assert answer.status_code in (400, 422)
    assert body(answer)["resourceType"] == "OperationOutcome"
    assert total(fhir, "Patient?") == before


@pytest.mark.parametrize(
    "more", [{"colour": "blue"}, {"total": "x"}, {"link": {}}, {"meta": []}, {"entry": {}}, {"entry": "x"}]
)
def test_a_malformed_bundle_is_refused_whole(fhir: FhirHttp, more: Resource) -> None:
    before = total(fhir, "Patient?")
    answer = fhir.post("", batch(entry("POST", "Patient", patient())) | more)
    assert answer.status_code in (400, 422), answer.text
    assert total(fhir, "Patient?") == before


def test_entries_that_are_no_objects_fail_alone(fhir: FhirHttp) -> None:
    answer = fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": [1, None, [], "x", {}]})
    assert answer.status_code in (200, 400, 422)
    if answer.status_code == 200:
        assert all(row["response"]["status"][0] == "4" for row in entries(body(answer)))


def test_only_bundles_are_processed(fhir: FhirHttp) -> None:
    problem(fhir.post("", patient()), 400)
    problems(fhir.post("", {"resourceType": "Parameters"}), 400)
