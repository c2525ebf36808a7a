"""FHIR history of an instance, a type and the system. https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.examples import Resource, body, create, entries, link, pages, patient, problem
from tests.http_client import FhirHttp


@pytest.fixture(scope="module")
def path(fhir: FhirHttp) -> str:
    """Created, updated, deleted, brought back, patched."""
    stored = create(fhir, patient(active=True))
    path = f"Patient/{stored['id']}"
    fhir.put(path, patient(id=stored["id"], gender="female"))
    fhir.delete(path)
    fhir.put(path, patient(id=stored["id"], gender="male"))
    fhir.patch(path, [{"op": "add", "path": "/active", "value": False}])
    return path


def identities(page: Resource) -> list[str]:
    """Returns Type/id/version of each row."""
    return [
        row["fullUrl"].split("/fhir/")[1] + "/" + row["response"]["etag"].strip('W/"')
        for row in entries(page)
    ]


def test_an_instance_tells_each_version_newest_first(fhir: FhirHttp, path: str) -> None:
    page = body(fhir.get(f"{path}/_history"))
    assert page["type"] == "history"
    assert page["total"] == 5
    assert link(page, "self") == f"{fhir.base_url}/{path}/_history"
    rows = entries(page)
    assert [row["request"] for row in rows] == [
        {"method": "PATCH", "url": path},
        {"method": "PUT", "url": path},
        {"method": "DELETE", "url": path},
        {"method": "PUT", "url": path},
        {"method": "POST", "url": "Patient"},
    ]
    assert [row["response"]["etag"] for row in rows] == [f'W/"{v}"' for v in (5, 4, 3, 2, 1)]
    assert all(row["fullUrl"] == f"{fhir.base_url}/{path}" for row in rows)
    for row in rows:
        version = row["response"]["etag"].strip('W/"')
        if row["request"]["method"] == "DELETE":
            assert "resource" not in row
        else:
            assert row["resource"] == body(fhir.get(f"{path}/_history/{version}"))
            assert row["response"]["lastModified"] == row["resource"]["meta"]["lastUpdated"]
    times = [row["response"]["lastModified"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == 5


def test_the_history_of_nothing_is_404(fhir: FhirHttp) -> None:
    for query in ("", "?_count=0", "?_since=2000", "?_at=2000"):
        problem(fhir.get(f"Patient/nothing/_history{query}"), 404)


def test_pages_of_one_row_tell_all_of_an_instance(fhir: FhirHttp, path: str) -> None:
    found = [i for page in pages(fhir, f"{path}/_history?_count=1") for i in identities(page)]
    assert found == [f"{path}/{v}" for v in (5, 4, 3, 2, 1)]


def test_count_0_tells_the_total_alone(fhir: FhirHttp, path: str) -> None:
    page = body(fhir.get(f"{path}/_history?_count=0"))
    assert page["total"] == 5
    assert entries(page) == []
    assert link(page, "next") is None


def test_since_is_at_or_after(fhir: FhirHttp, path: str) -> None:
    rows = entries(body(fhir.get(f"{path}/_history")))
    third = rows[2]["response"]["lastModified"]
    page = body(fhir.get(f"{path}/_history", {"_since": third}))
    assert len(entries(page)) == page["total"] == 3
    assert entries(body(fhir.get(f"{path}/_history", {"_since": "2999-01-01"}))) == []
    assert len(entries(body(fhir.get(f"{path}/_history", {"_since": "2000"})))) == 5


def test_a_plus_that_was_not_encoded_is_a_zone(fhir: FhirHttp, path: str) -> None:
    answer = fhir.get(f"{path}/_history?_since=2020-01-01T00:00:00+01:00")
    assert body(answer)["total"] == 5


def test_at_tells_what_was_current_then(fhir: FhirHttp, path: str) -> None:
    rows = entries(body(fhir.get(f"{path}/_history")))
    for row in rows:
        moment = row["response"]["lastModified"]
        (found,) = entries(body(fhir.get(f"{path}/_history", {"_at": moment})))
        assert found["response"] == row["response"]
    assert entries(body(fhir.get(f"{path}/_history", {"_at": "1999"}))) == []
    year = rows[0]["response"]["lastModified"][:4]
    assert len(entries(body(fhir.get(f"{path}/_history", {"_at": year})))) == 5
    (now,) = entries(body(fhir.get(f"{path}/_history", {"_at": "2999-01-01"})))
    assert now["response"] == rows[0]["response"]


@pytest.mark.parametrize(
    "query",
    [
        "_since=yesterday",
        "_since=",
        "_since=2020-13-01",
        "_since=0000",
        "_at=2020-02-30",
        "_at=$ne",
        "_count=-1",
        "_count=x",
        "_count=1.5",
        "_count=",
        "_page=x",
        "_page=",
        "name=Curie",
        "_since[$gt]=2020",
    ],
)
def test_a_parameter_that_is_not_understood_is_400(fhir: FhirHttp, path: str, query: str) -> None:
    for history in (f"{path}/_history", "Patient/_history", "_history"):
        problem(fhir.get(f"{history}?{query}"), 400)


def test_an_unknown_parameter_is_ignored_when_the_client_is_lenient(fhir: FhirHttp, path: str) -> None:
    answer = fhir.get(f"{path}/_history?colour=blue", headers={"Prefer": "handling=lenient"})
    assert answer.status_code == 200
    assert link(body(answer), "self") == f"{fhir.base_url}/{path}/_history"


def test_the_type_tells_all_its_instances(fhir: FhirHttp, path: str) -> None:
    create(fhir, {"resourceType": "Basic", "code": {"text": "x"}})
    for _ in range(3):
        create(fhir, patient())
    found = [i for page in pages(fhir, "Patient/_history?_count=2") for i in identities(page)]
    assert len(found) == len(set(found)) >= 8
    assert all(i.startswith("Patient/") for i in found)
    assert {f"{path}/{v}" for v in (1, 2, 3, 4, 5)} <= set(found)


def test_the_history_of_a_type_without_resources_is_empty(fhir: FhirHttp) -> None:
    page = body(fhir.get("Flag/_history"))
    assert page["total"] == 0
    assert "entry" not in page


def test_the_system_tells_all_types_also_the_audit_trail(fhir: FhirHttp, path: str) -> None:
    stored = create(fhir, {"resourceType": "Basic", "code": {"text": "x"}})
    found = {i for page in pages(fhir, "_history?_count=50") for i in identities(page)}
    assert {f"{path}/1", f"{path}/3", f"{path}/5", f"Basic/{stored['id']}/1"} <= found
    assert any(i.startswith("AuditEvent/") for i in found)


def test_the_history_of_the_system_before_anything_is_stored(fhir: FhirHttp, make_client: object) -> None:
    nothing = make_client("system/Flag.rs")  # type: ignore[operator]
    assert body(nothing.get("_history"))["total"] == 0


def test_count_is_bounded_by_the_server(fhir: FhirHttp, path: str) -> None:
    assert fhir.get(f"{path}/_history?_count=99999999999").status_code in (200, 400)
    assert fhir.get(f"{path}/_history?_count=999999999").status_code == 200


def test_summary_and_elements_reduce_the_versions(fhir: FhirHttp, path: str) -> None:
    page = body(fhir.get(f"{path}/_history?_elements=gender"))
    kept = next(row["resource"] for row in entries(page) if "resource" in row)
    assert "gender" in kept
    assert kept["meta"]["tag"][-1]["code"] == "SUBSETTED"


def test_pages_belong_to_their_query(fhir: FhirHttp, make_client: object, path: str) -> None:
    following = link(body(fhir.get(f"{path}/_history?_count=2")), "next")
    assert following is not None
    problem(fhir.get(following.replace("_count=2", "_count=3")), 400)
    problem(fhir.get(following.replace(path, "Patient/other")), 400)
    problem(make_client().get(following), 400)  # type: ignore[operator]


# --- while others write -----------------------------------------------------------------------------


def test_no_version_is_lost_or_told_twice_while_others_write(fhir: FhirHttp, make_client: object) -> None:
    ids = [create(fhir, {"resourceType": "Basic", "code": {"text": "x"}})["id"] for _ in range(12)]
    for id_ in ids:
        for _ in range(3):
            fhir.put(f"Basic/{id_}", {"resourceType": "Basic", "id": id_, "code": {"text": "y"}})
    expected = {f"Basic/{id_}/{v}" for id_ in ids for v in (1, 2, 3, 4)}
    stop = threading.Event()

    def write(id_: str) -> None:
        client: FhirHttp = make_client()  # type: ignore[operator]
        while not stop.is_set():
            resource = {"resourceType": "Basic", "id": id_, "code": {"text": "z"}}
            assert client.put(f"Basic/{id_}", resource).status_code == 200

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, id_) for id_ in ids[:4]]
        try:
            for _ in range(4):
                found = [i for page in pages(fhir, "Basic/_history?_count=7") for i in identities(page)]
                assert [i for i, n in Counter(found).items() if n > 1] == []
                assert expected <= set(found)
        finally:
            stop.set()
        for writer in writers:
            writer.result()


def test_one_answer_never_misses_a_version_that_is_being_replaced(
    fhir: FhirHttp, make_client: object
) -> None:
    stored = create(fhir, {"resourceType": "Basic", "code": {"text": "x"}})
    path = f"Basic/{stored['id']}"
    until = time.monotonic() + 1.5

    def write() -> None:
        client: FhirHttp = make_client()  # type: ignore[operator]
        while time.monotonic() < until:
            client.put(path, {"resourceType": "Basic", "id": stored["id"], "code": {"text": "y"}})

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        while time.monotonic() < until:
            rows = entries(body(fhir.get(f"{path}/_history?_count=1000")))
            versions = [int(row["response"]["etag"].strip('W/"')) for row in rows]
            assert versions == list(range(versions[0], 0, -1))
        writer.result()
