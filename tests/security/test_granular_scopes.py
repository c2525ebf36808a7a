"""A scope with search parameters: what does not meet them is as if it were not (docs/decisions/0021)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.examples import (
    batch,
    body,
    create,
    entries,
    entry,
    observation,
    pages,
    problem,
    total,
    transaction,
)
from tests.http_client import FhirHttp
from tests.running_server import RunningServer
from tests.security.asks import ASKS, seen
from tests.security.granular_record import (
    LABORATORY,
    GranularRecord,
    build_record,
    categorised,
    granular_app,
)


@pytest.fixture(scope="module")
def record(fhir: FhirHttp) -> GranularRecord:
    return build_record(fhir, "dana")


@pytest.fixture(scope="module")
def apps(server: RunningServer, record: GranularRecord) -> dict[str, FhirHttp]:
    return {level: granular_app(server, level, record.patient) for level in ("patient", "system")}


@pytest.fixture(params=["patient", "system"])
def app(request: pytest.FixtureRequest, apps: dict[str, FhirHttp]) -> FhirHttp:
    return apps[request.param]


@pytest.mark.parametrize(
    ("level", "kind"),
    [("patient", "vital sign"), ("patient", "moved out"), ("patient", "deleted"), ("system", "vital sign")],
)
@pytest.mark.parametrize("name", ASKS)
def test_what_does_not_meet_the_scope_is_as_if_it_were_not(
    fhir: FhirHttp, apps: dict[str, FhirHttp], record: GranularRecord, name: str, level: str, kind: str
) -> None:
    app = apps[level]
    if kind == "deleted":
        stored = create(fhir, categorised("laboratory", f"Patient/{record.patient}"))
        reference = f"Observation/{stored['id']}"
        fhir.delete(reference)
    else:
        reference = record.hidden[kind]
    before = fhir.get(f"{reference}/_history").json()["entry"]
    _, _, id_ = reference.partition("/")
    absent = str(uuid.uuid4())
    hidden_answer, absent_answer = (ASKS[name](app, f"Observation/{i}") for i in (id_, absent))
    assert seen(hidden_answer, id_) == seen(absent_answer, absent)
    assert hidden_answer.status_code < 500
    assert fhir.get(f"{reference}/_history").json()["entry"] == before


def ids(page: Any) -> set[str]:
    return {
        f"{row['resource']['resourceType']}/{row['resource']['id']}"
        for row in entries(page)
        if row["resource"]["resourceType"] != "OperationOutcome"
    }


def test_what_meets_the_scope_is_open(app: FhirHttp, record: GranularRecord) -> None:
    for reference in (record.laboratory, record.moved_in):
        assert app.get(reference).status_code == 200
        assert app.get(f"{reference}/_history/2").status_code == 200
        assert app.get(reference, headers={"If-None-Match": 'W/"2"'}).status_code == 304
    assert app.get(f"{record.laboratory}/_history/1").status_code == 200
    assert body(app.get(f"{record.laboratory}/_history"))["total"] == 2


SEARCHES = [
    "Observation?identifier=dana-laboratory,dana-vital,dana-in,dana-out",
    "Observation?subject=Patient/{p}",
    "Observation?patient={p}&_sort=-_lastUpdated",
    "Observation?patient={p}&_sort=code&_count=1",
    "Observation?patient={p}&_count=1",
    "Observation?category:not=laboratory,imaging&_id={ids}",
    "Observation?category:missing=false&_id={ids}",
    "Observation?_filter=subject re Patient/{p}",
    "Observation?_list={list}",
    "Observation?_has:DiagnosticReport:result:_id={report}",
    "Observation?subject:Patient.name=dana",
    "Patient/{p}/Observation?_count=1",
    "Patient/{p}/*?_type=Observation",
    "?_type=Observation&_id={ids}&_count=1",
]


@pytest.mark.parametrize("search", SEARCHES)
def test_searches_count_and_show_what_meets_the_scope(
    fhir: FhirHttp, app: FhirHttp, record: GranularRecord, search: str
) -> None:
    numbers = [reference.partition("/")[2] for reference in record.results]
    path = search.format(
        p=record.patient,
        ids=",".join(numbers),
        list=record.list.partition("/")[2],
        report=record.report.partition("/")[2],
    )
    hides = "category:not=" in search
    shown = set() if hides else {record.laboratory, record.moved_in}
    found = [page for page in pages(app, f"{path}&_total=accurate")]
    assert set.union(*(ids(page) for page in found)) == shown
    assert [page["total"] for page in found] == [len(shown)] * len(found)
    assert len(found) == max(1, len(shown) if "_count=1" in search else 1)
    assert total(app, path) == len(shown)
    everything = body(fhir.get(f"{path}&_count=50".replace("_count=1&", "")))
    assert hides or ids(everything) == set(record.results)


def test_chains_and_reverse_chains_lead_through_nothing_hidden(app: FhirHttp, record: GranularRecord) -> None:
    for key, found in (("laboratory", 1), ("in", 1), ("vital", 0), ("out", 0)):
        for search in (
            f"DiagnosticReport?result.code=dana-{key}",
            f"DiagnosticReport?result:Observation.identifier=dana-{key}",
            f"Patient?_has:Observation:patient:code=dana-{key}",
            f"List?item:Observation.identifier=dana-{key}",
            f"Patient?_has:Observation:patient:_has:List:item:_id={record.list[5:]}&_has:Observation:subject:"
            f"identifier=dana-{key}",
        ):
            assert total(app, search) == found, search


def test_includes_bring_what_meets_the_scope(app: FhirHttp, record: GranularRecord) -> None:
    shown = {record.laboratory, record.moved_in}
    for search in (
        f"DiagnosticReport?_id={record.report[17:]}&_include=DiagnosticReport:result",
        f"DiagnosticReport?_id={record.report[17:]}&_include=*",
        f"Patient?_id={record.patient}&_revinclude=Observation:subject",
        f"List?_id={record.list[5:]}&_include=List:item",
        f"Patient?_id={record.patient}&_revinclude=DiagnosticReport:patient"
        "&_include:iterate=DiagnosticReport:result",
    ):
        found = ids(body(app.get(search)))
        assert {reference for reference in found if reference.startswith("Observation/")} == shown, search


def test_histories_show_the_versions_that_meet_the_scope(
    fhir: FhirHttp, app: FhirHttp, record: GranularRecord
) -> None:
    rows = body(app.get(f"{record.moved_in}/_history"))
    assert [row["response"]["etag"] for row in entries(rows)] == ['W/"2"']
    assert rows["total"] == 1
    problem(app.get(f"{record.moved_in}/_history/1"), 404)
    absent = app.get(f"{record.moved_in}/_history/3")
    hidden = app.get(f"{record.moved_in}/_history/1")
    assert absent.text.replace("no version 3", "no version 1") == hidden.text
    for path in ("Observation/_history", "_history"):
        for count in (1, 50):
            found = [row for page in pages(app, f"{path}?_count={count}") for row in entries(page)]
            own = [row for row in found if row["fullUrl"].endswith(record.results)]
            kept = [row["resource"]["category"][0]["coding"][0]["code"] for row in own]
            assert kept == ["laboratory"] * 4, path
            counted = body(app.get(f"{path}?_count={count}"))["total"]
            assert counted == len(found)
            if path.startswith("O"):
                assert all(row["request"]["method"] != "DELETE" for row in found)


def test_what_is_created_or_changed_must_meet_the_scope(
    fhir: FhirHttp, app: FhirHttp, record: GranularRecord
) -> None:
    subject = f"Patient/{record.patient}"
    before = total(fhir, "Observation?")
    vital = categorised("vital-signs", subject)
    for wrong in (vital, observation(subject)):
        problem(app.post("Observation", wrong), 403)
        problem(app.post("", transaction(entry("POST", "Observation", wrong))), 403)
        (answer,) = entries(body(app.post("", batch(entry("POST", "Observation", wrong)))))
        assert answer["response"]["status"] == "403"
    assert total(fhir, "Observation?") == before
    stored = create(app, categorised("laboratory", subject))
    path = f"Observation/{stored['id']}"
    recategorised = categorised("vital-signs", subject, id=stored["id"])
    problem(app.put(path, recategorised), 403)
    problem(app.post("", transaction(entry("PUT", path, recategorised))), 403)
    change = [{"op": "replace", "path": "/category/0/coding/0/code", "value": "vital-signs"}]
    problem(app.patch(path, change), 403)
    problem(app.patch(f"Observation?_id={stored['id']}", change), 403)
    assert app.put(path, stored | {"status": "amended"}).status_code == 200
    assert app.patch(path, [{"op": "replace", "path": "/status", "value": "final"}]).status_code == 200
    assert app.delete(path).status_code == 204
    problem(app.get(path), 404)
    problem(app.put(path, stored), 404)
    assert fhir.get(path).status_code == 410


def test_conditional_interactions_do_not_probe(app: FhirHttp, record: GranularRecord) -> None:
    subject = f"Patient/{record.patient}"
    resource = categorised("laboratory", subject)
    for key in ("dana-vital", "dana-out", "nobody"):
        criteria = f"identifier={key}"
        answer = app.post("Observation", resource, headers={"If-None-Exist": criteria})
        assert answer.status_code == 201
        assert app.delete(answer.headers["Location"].partition("/_history")[0]).status_code == 204
        assert app.delete(f"Observation?{criteria}").status_code == 204
        problem(app.patch(f"Observation?{criteria}", [{"op": "remove", "path": "/note"}]), 404)
        linked = resource | {"derivedFrom": [{"reference": f"Observation?{criteria}"}]}
        problem(app.post("", transaction(entry("POST", "Observation", linked))), 412)
    known = app.post("Observation", resource, headers={"If-None-Exist": "identifier=dana-laboratory"})
    assert (known.status_code, body(known)["id"]) == (200, record.laboratory[12:])


def test_a_page_link_works_for_its_token_alone(
    server: RunningServer, fhir: FhirHttp, app: FhirHttp, record: GranularRecord
) -> None:
    search = f"Observation?patient={record.patient}&_count=1"
    for one, other in ((fhir, app), (app, fhir), (app, granular_app(server, "system", ""))):
        following = next(row["url"] for row in body(one.get(search))["link"] if row["relation"] == "next")
        problem(other.get(following), 400)


def test_letters_of_a_scope_without_condition_do_not_widen_one_with(
    server: RunningServer, fhir: FhirHttp, record: GranularRecord
) -> None:
    scope = f"patient/Observation.rs?{LABORATORY} patient/Observation.u"
    app = server.client(scope, record.patient)
    problem(app.get(record.vital), 404)
    problem(app.delete(record.vital), 403)
    before = body(fhir.get(record.vital))
    for prefer in ({}, {"Prefer": "return=representation"}):
        change = [{"op": "replace", "path": "/status", "value": "amended"}]
        answer = app.patch(record.vital, change, headers=prefer)
        assert (answer.status_code, answer.text) == (200, "")
    rows = transaction(entry("PATCH", record.vital, _binary(change)))
    answer = app.post("", rows)
    assert answer.status_code == 200, answer.text
    assert "resource" not in entries(body(answer))[0]
    assert body(fhir.get(record.vital))["status"] == "amended"
    assert fhir.put(record.vital, before).status_code == 200
    seen_again = app.patch(record.laboratory, change)
    assert (seen_again.status_code, body(seen_again)["status"]) == (200, "amended")


def _binary(change: list[dict[str, str]]) -> dict[str, str]:
    import base64
    import json

    encoded = base64.b64encode(json.dumps(change).encode()).decode()
    return {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": encoded}


def test_scopes_add_up(server: RunningServer, record: GranularRecord) -> None:
    both = f"patient/Observation.rs?{LABORATORY} patient/Observation.rs?category=vital-signs&code=dana-vital"
    app = server.client(both, record.patient)
    found = ids(body(app.get("Observation")))
    assert found >= {record.laboratory, record.moved_in, record.vital}
    assert record.moved_out not in found
    whole = server.client(f"{both} patient/*.r", record.patient)
    assert whole.get(record.moved_out).status_code == 200
    assert record.moved_out not in ids(body(whole.get("Observation")))
    problem(whole.get("Patient"), 403)


def test_a_condition_on_every_type_holds_for_each(server: RunningServer, fhir: FhirHttp) -> None:
    tag = {"tag": [{"system": "urn:tags", "code": "study"}]}
    owner = create(fhir, {"resourceType": "Patient", "meta": tag})["id"]
    tagged = create(fhir, observation(f"Patient/{owner}", meta=tag))["id"]
    create(fhir, observation(f"Patient/{owner}"))
    for level, patient_id in (("patient", owner), ("system", None)):
        app = server.client(f"{level}/*.rs?_tag=urn:tags|study", patient_id)
        assert ids(body(app.get("Observation"))) == {f"Observation/{tagged}"}
        for search in ("?_type=Patient,Observation", "Observation?_include=Observation:subject"):
            assert ids(body(app.get(search))) == {f"Observation/{tagged}", f"Patient/{owner}"}
