"""What capability_statement.json declares works on a running server, for every type; the rest is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import requests

from fhir_server.definitions.registry import load_definitions
from fhir_server.validation.validate import validate_resource
from tests.house.sources import ROOT
from tests.http_client import FhirHttp
from tests.minimal import minimal_resource, search_value
from tests.running_server import run_server

STATEMENT: dict[str, Any] = json.loads((ROOT / "capability_statement.json").read_text("utf-8"))
REST = STATEMENT["rest"][0]
TYPES: dict[str, dict[str, Any]] = {row["type"]: row for row in REST["resource"]}
PATCH = [{"op": "add", "path": "/language", "value": "fr"}]


def codes(resource_type: str) -> set[str]:
    return {row["code"] for row in TYPES[resource_type]["interaction"]}


def expect(answer: requests.Response, status: int) -> Any:
    """Returns the body of an answer with the expected status."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text[:500]}"
    return answer.json() if answer.content else None


def statuses(bundle: dict[str, Any]) -> list[str]:
    return [entry["request"]["method"] for entry in bundle["entry"]]


@pytest.mark.parametrize("resource_type", TYPES)
def test_the_minimal_resource_is_valid(resource_type: str) -> None:
    assert [i for i in validate_resource(minimal_resource(resource_type)) if i.severity == "error"] == []


@pytest.mark.parametrize("resource_type", TYPES)
def test_every_declared_interaction_of_a_type_works(fhir: FhirHttp, resource_type: str) -> None:
    created = expect(fhir.post(resource_type, minimal_resource(resource_type)), 201)
    url = f"{resource_type}/{created['id']}"
    assert expect(fhir.get(url), 200) == created
    if {"update", "patch", "delete"} <= codes(resource_type):
        change_and_delete(fhir, url, created)
    else:
        assert fhir.put(url, created).status_code == 405
        assert fhir.patch(url, PATCH).status_code == 405
        assert fhir.delete(url).status_code == 405
        assert statuses(expect(fhir.get(f"{url}/_history"), 200)) == ["POST"]
    assert expect(fhir.get(f"{url}/_history/1"), 200) == created


def change_and_delete(fhir: FhirHttp, url: str, created: dict[str, Any]) -> None:
    resource_type = created["resourceType"]
    updated = expect(fhir.put(url, {**created, "language": "en"}), 200)
    assert (updated["meta"]["versionId"], updated["language"]) == ("2", "en")
    patched = expect(fhir.patch(url, PATCH), 200)
    assert (patched["meta"]["versionId"], patched["language"]) == ("3", "fr")
    found = expect(fhir.search(resource_type, {"_id": created["id"]}), 200)
    assert [entry["resource"] for entry in found["entry"]] == [patched]
    expect(fhir.delete(url), 204)
    assert expect(fhir.get(url), 410)["issue"][0]["code"] == "deleted"
    assert expect(fhir.search(resource_type, {"_id": created["id"]}), 200)["total"] == 0
    methods = ["DELETE", "PATCH", "PUT", "POST"]
    assert statuses(expect(fhir.get(f"{url}/_history"), 200)) == methods
    assert statuses(expect(fhir.get(f"{resource_type}/_history"), 200)) == methods


@pytest.mark.parametrize("resource_type", TYPES)
def test_every_declared_search_parameter_of_a_type_works(fhir: FhirHttp, resource_type: str) -> None:
    known = load_definitions().search_parameters(resource_type)
    for row in [*TYPES[resource_type].get("searchParam", []), *REST["searchParam"]]:
        value = search_value(known[row["name"]])
        bundle = expect(fhir.search(resource_type, {row["name"]: value}), 200)
        assert bundle["type"] == "searchset"
        assert row["name"] in bundle["link"][0]["url"]
        assert not [e for e in bundle.get("entry", []) if e["search"]["mode"] == "outcome"]


@pytest.mark.parametrize("resource_type", TYPES)
def test_a_search_parameter_that_is_not_declared_is_refused(fhir: FhirHttp, resource_type: str) -> None:
    known = set(load_definitions().search_parameters(resource_type))
    declared = {row["name"] for row in [*TYPES[resource_type].get("searchParam", []), *REST["searchParam"]]}
    for name in [*sorted(known - declared)[:3], "nothing", "$where"]:
        outcome = expect(fhir.search(resource_type, {name: "x"}), 400)
        assert outcome["issue"][0]["severity"] == "error"


def test_every_declared_interaction_of_the_system_works(fhir: FhirHttp) -> None:
    system = {"transaction", "batch", "history-system", "search-system"}
    assert {row["code"] for row in REST["interaction"]} == system
    for type_ in ("transaction", "batch"):
        entry = {"request": {"method": "POST", "url": "Patient"}, "resource": minimal_resource("Patient")}
        body = {"resourceType": "Bundle", "type": type_, "entry": [entry]}
        answer = expect(fhir.post("", body), 200)
        assert answer["type"] == f"{type_}-response"
        assert [row["response"]["status"][:3] for row in answer["entry"]] == ["201"]
    assert expect(fhir.get("_history", {"_count": "1"}), 200)["type"] == "history"
    several = {"_type": "Patient,Basic", "_count": "1"}
    assert expect(fhir.get("", several), 200)["type"] == "searchset"
    assert expect(fhir.search("", several, post=True), 200)["type"] == "searchset"


@pytest.mark.parametrize("path", ["Patient", "Patient/_history", "_history", "Patient/{id}/_history"])
def test_pages_are_followed_to_the_end_and_repeat_nothing(fhir: FhirHttp, path: str) -> None:
    for _ in range(2):
        created = expect(fhir.post("Patient", minimal_resource("Patient")), 201)
    expect(fhir.put(f"Patient/{created['id']}", created), 200)
    path = path.format(id=created["id"])
    pages = follow(fhir, path, "200" if path == "_history" else "1", most=8)
    whole = follow(fhir, path, "1000", most=2)
    assert len(pages) >= 2
    found, expected = list(chain.from_iterable(pages)), list(chain.from_iterable(whole))
    shared = min(len(found), len(expected))
    assert len(set(found)) == len(found)
    assert shared >= 2
    assert found[:shared] == expected[:shared]


def follow(fhir: FhirHttp, path: str, count: str, most: int) -> list[list[str]]:
    """Returns the versions on each page; the trail of reading is left out, for it grows meanwhile."""
    bundle = expect(fhir.get(path, {"_count": count}), 200)
    pages = []
    while True:
        found = [entry["resource"] for entry in bundle.get("entry", []) if "resource" in entry]
        rows = [f"{r['resourceType']}/{r['id']}/{r['meta']['versionId']}" for r in found]
        pages.append([row for row in rows if not row.startswith("AuditEvent/")])
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
        if url is None or len(pages) == most:
            return pages
        bundle = expect(fhir.get(url), 200)


@pytest.mark.parametrize(
    "search",
    [
        "Patient/{id}/Observation",
        "Patient/{id}/*",
        "Observation?subject:Patient.family=Okonedo",
        "Observation?patient.name=okon&_include=Observation:subject",
        "Patient?_has:Observation:patient:code=weight",
        "Patient?_id={id}&_revinclude=Observation:subject",
    ],
)
def test_a_search_goes_along_references(fhir: FhirHttp, search: str) -> None:
    named = {**minimal_resource("Patient"), "name": [{"family": "Okonedo"}]}
    patient = expect(fhir.post("Patient", named), 201)
    weight = {"code": {"coding": [{"code": "weight"}]}, "subject": {"reference": f"Patient/{patient['id']}"}}
    observation = expect(fhir.post("Observation", {**minimal_resource("Observation"), **weight}), 201)
    bundle = expect(fhir.get(search.format(id=patient["id"])), 200)
    found = {row["resource"]["id"]: row["search"]["mode"] for row in bundle["entry"]}
    assert {patient["id"], observation["id"]} & set(found)
    assert ("nclude" in search) == ("include" in found.values())


def test_the_declared_formats_are_the_ones_that_are_spoken(fhir: FhirHttp) -> None:
    for format_ in STATEMENT["format"]:
        answer = fhir.get("Patient", {"_format": format_})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith(f"application/fhir+{format_[-4:].lstrip('+')}")
    for format_ in ("ttl", "html", "application/fhir+ndjson"):
        assert fhir.get("Patient", {"_format": format_}).status_code == 406


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "", 405),
        ("DELETE", "", 405),
        ("POST", "metadata", 405),
        ("POST", "_history", 405),
        ("DELETE", "Patient/x/_history", 405),
        ("DELETE", "Patient/x/_history/1", 405),
        ("GET", "Nothing", 404),
        ("GET", "Patient/x/$everything", 404),
        ("GET", "Patient/$export", 404),
        ("GET", "$export", 404),
        ("GET", "Patient/x/Nothing", 404),
        ("GET", "Observation/x/Patient", 404),
        ("GET", "Patient/x/Observation/1", 404),
        ("POST", "Patient/x/Observation", 405),
    ],
)
def test_what_has_no_route_is_refused(fhir: FhirHttp, method: str, path: str, status: int) -> None:
    answer = fhir.request(method, path)
    assert expect(answer, status)["resourceType"] == "OperationOutcome"
    assert ("Allow" in answer.headers) == (status == 405)


@pytest.fixture(scope="module")
def reduced(
    mongodb_uri: str, database_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FhirHttp]:
    """A server on whose statement almost everything of Patient is switched off."""
    statement = json.loads(json.dumps(STATEMENT))
    rest = statement["rest"][0]
    rest["interaction"] = [{"code": "transaction"}]
    patient = next(row for row in rest["resource"] if row["type"] == "Patient")
    patient["interaction"] = [{"code": "read"}, {"code": "create"}, {"code": "search-type"}]
    patient["searchParam"] = [row for row in patient["searchParam"] if row["name"] == "family"]
    patient["conditionalCreate"] = False
    rest["resource"] = [patient]
    folder: Path = tmp_path_factory.mktemp("artefacts")
    (folder / "capability_statement.json").write_text(json.dumps(statement))
    with run_server(mongodb_uri, f"{database_name}_r", ARTEFACTS=str(folder)) as running:
        yield running.client()
        running.inside.mongo.client.drop_database(f"{database_name}_r")


def test_a_server_does_what_its_statement_declares_and_refuses_the_rest(reduced: FhirHttp) -> None:
    created = expect(reduced.post("Patient", minimal_resource("Patient")), 201)
    url = f"Patient/{created['id']}"
    expect(reduced.get(url), 200)
    expect(reduced.search("Patient", {"family": "x"}), 200)
    assert expect(reduced.get("metadata"), 200)["rest"][0]["resource"][0]["type"] == "Patient"
    for answer in (
        reduced.put(url, created),
        reduced.patch(url, PATCH),
        reduced.delete(url),
        reduced.get(f"{url}/_history"),
        reduced.get(f"{url}/_history/1"),
        reduced.get("Patient/_history"),
        reduced.get("_history"),
        reduced.post("", {"resourceType": "Bundle", "type": "batch", "entry": []}),
    ):
        expect(answer, 405)
    expect(reduced.search("Patient", {"gender": "female"}), 400)
    expect(reduced.get("Observation"), 404)
    conditional = {"If-None-Exist": "family=x"}
    expect(reduced.post("Patient", minimal_resource("Patient"), headers=conditional), 400)


def test_a_bundle_is_no_way_around_the_statement(reduced: FhirHttp) -> None:
    for method, url in (("DELETE", "Patient/x"), ("GET", "_history"), ("GET", "Patient/x/_history")):
        entry = {"request": {"method": method, "url": url}}
        body = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        assert expect(reduced.post("", body), 405)["issue"][0]["expression"][0].startswith("Bundle.entry[0]")
