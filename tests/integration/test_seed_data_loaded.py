"""The demonstration records in a server: every search returns what a slow reading of the files says.

https://hl7.org/fhir/R4/search.html and https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.cli.load import sender
from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir.labels import INVISIBLE_PATIENT, labels_of
from tests.examples import body, entries, pages, total
from tests.http_client import FhirHttp
from tests.integration import seed_oracle as oracle
from tests.integration.seed_oracle import coded, refers
from tests.integration.seed_queries import QUERIES
from tests.running_server import RunningServer, run_server

Records = dict[str, oracle.Resource]

FIRST = "Patient/dmp-0001"
SHARED = ("Organization", "Practitioner", "PractitionerRole")
PATIENTS = [f"dmp-{number:04}" for number in range(1, 21)]


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """A server with the files of the manifest, loaded in their order as `fhir-server load` does."""
    with run_server(mongodb_uri, database_name) as running:
        send = sender(running.inside)
        for bundle in oracle.bundles():
            statuses = {entry["response"]["status"][:3] for entry in send(bundle)["entry"]}
            assert statuses == {"201"}
        yield running


@pytest.fixture(scope="module")
def records() -> Records:
    return oracle.stored()


def found(fhir: FhirHttp, search: str) -> list[str]:
    """Returns Type/id of all matches, page by page."""
    return [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for page in pages(fhir, search)
        for entry in entries(page)
        if entry["search"]["mode"] == "match"
    ]


def expected(records: Records, resource_type: str, *conditions: oracle.Holds) -> list[str]:
    return [
        key
        for key, resource in records.items()
        if resource["resourceType"] == resource_type and all(holds(resource) for holds in conditions)
    ]


@pytest.mark.parametrize("query", QUERIES, ids=[search for search, *_ in QUERIES])
def test_a_search_returns_exactly_what_the_files_say(
    fhir: FhirHttp, records: Records, query: tuple[str, *tuple[oracle.Holds, ...]]
) -> None:
    search, *conditions = query
    wanted = expected(records, search.partition("?")[0], *conditions)
    assert wanted, "the files have nothing to find: the query tests nothing"
    answered = found(fhir, f"{search}&_count=7")
    assert Counter(answered) == Counter(wanted)
    assert total(fhir, search) == len(wanted)


def test_searches_along_references_return_exactly_what_the_files_say(
    fhir: FhirHttp, records: Records
) -> None:
    weights = expected(records, "Observation", coded("code", "29463-7"))
    women = {r["id"] for r in records.values() if r["resourceType"] == "Patient" and r["gender"] == "female"}
    hypertensive = {
        records[key]["subject"]["reference"] for key in expected(records, "Condition", coded("code", "I10"))
    }
    chained = [k for k in weights if records[k]["subject"]["reference"].partition("/")[2] in women]
    assert Counter(found(fhir, "Observation?code=29463-7&patient.gender=female&_count=50")) == Counter(
        chained
    )
    assert Counter(found(fhir, "Patient?_has:Condition:patient:code=I10")) == Counter(hypertensive)


def test_an_include_brings_each_target_once(fhir: FhirHttp, records: Records) -> None:
    prescriptions = expected(records, "MedicationRequest", refers("subject", FIRST))
    requesters = {records[key]["requester"]["reference"] for key in prescriptions}
    page = body(
        fhir.get("MedicationRequest?patient=dmp-0001&_include=MedicationRequest:requester&_count=100")
    )
    included = [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in entries(page)
        if entry["search"]["mode"] == "include"
    ]
    assert Counter(included) == Counter(requesters)


@pytest.mark.parametrize("order", ["date", "-date"])
def test_results_are_sorted_by_date_through_all_pages(fhir: FhirHttp, records: Records, order: str) -> None:
    answered = found(fhir, f"Observation?patient=dmp-0001&_sort={order}&_count=5")
    moments = [oracle.interval(records[key]["effectiveDateTime"])[0] for key in answered]
    assert moments == sorted(moments, reverse=order.startswith("-"))
    assert sorted(answered) == sorted(expected(records, "Observation", refers("subject", FIRST)))


def test_every_resource_is_read_as_the_files_have_it(fhir: FhirHttp, records: Records) -> None:
    types = ",".join(sorted({resource["resourceType"] for resource in records.values()}))
    unread = dict(records)
    for page in pages(fhir, f"?_type={types}&_count=500"):
        for entry in entries(page):
            resource = entry["resource"]
            wanted: Any = unread.pop(f"{resource['resourceType']}/{resource['id']}")
            assert {k: v for k, v in resource.items() if k != "meta"} == {
                k: v for k, v in wanted.items() if k != "meta"
            }
            assert {
                k: v for k, v in resource["meta"].items() if k not in ("versionId", "lastUpdated")
            } == wanted.get("meta", {})
    assert not unread


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_patient_sees_the_own_record_and_the_directory_and_nothing_else(
    server: RunningServer, records: Records, patient: str
) -> None:
    app = server.client("patient/*.rs", patient=patient)
    own = _own(records, patient)
    types = {reference.partition("/")[0] for reference in own} - {"Patient"}
    directory = {k for k in records if k.startswith(tuple(f"{name}/" for name in SHARED))}
    assert _content(found(app, "?_count=500")) == own | directory
    for name in sorted(types):
        assert set(found(app, f"{name}?_count=100")) == {k for k in own if k.startswith(f"{name}/")}
    in_compartment = {key for key in own if not key.startswith("Binary/")}
    assert _content(found(app, f"Patient/{patient}/*?_count=500")) == in_compartment


def _own(records: Records, patient: str) -> set[str]:
    """The compartment and the content of its documents, without what the holder is not told of yet."""
    own = oracle.compartment(patient)
    told = {key for key in own if not labels_of(records[key]) & INVISIBLE_PATIENT}
    contents = {
        content["attachment"]["url"]
        for key in told
        if key.startswith("DocumentReference/")
        for content in records[key]["content"]
        if content["attachment"].get("url", "").startswith("Binary/")
    }
    return told | contents


def _content(references: list[str]) -> set[str]:
    """Leaves out the traces of loading and of the other tests."""
    return {reference for reference in references if not reference.startswith("AuditEvent/")}


def test_a_patient_reads_by_id_only_what_a_search_shows(server: RunningServer, records: Records) -> None:
    app = server.client("patient/*.rs", patient="dmp-0002")
    own = _own(records, "dmp-0002")
    members = {*load_definitions().compartment("Patient"), "Patient", "Binary"}
    for reference in sorted(records)[::3]:
        resource_type = reference.partition("/")[0]
        hidden = 404 if resource_type in members else 403
        status = 200 if reference in own or resource_type in SHARED else hidden
        assert app.get(reference).status_code == status, reference


def test_loading_twice_changes_no_count(server: RunningServer, fhir: FhirHttp, records: Records) -> None:
    send = sender(server.inside)
    for bundle in oracle.bundles():
        assert {entry["response"]["status"][:3] for entry in send(bundle)["entry"]} == {"200"}
    for name, count in Counter(r["resourceType"] for r in records.values()).items():
        assert total(fhir, name) == count
