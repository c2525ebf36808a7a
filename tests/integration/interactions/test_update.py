"""FHIR update, conditional update, optimistic locking. https://hl7.org/fhir/R4/http.html#update"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.examples import body, create, patient, problem, total
from tests.http_client import FhirHttp
from tests.running_server import run_server


@pytest.fixture
def stored(fhir: FhirHttp) -> dict[str, object]:
    return create(fhir, patient(uuid.uuid4().hex, active=True))


@pytest.fixture
def path(stored: dict[str, object]) -> str:
    return f"Patient/{stored['id']}"


def test_an_update_makes_the_next_version(fhir: FhirHttp, stored: dict[str, object], path: str) -> None:
    answer = fhir.put(path, patient(id=stored["id"], gender="other"))
    assert answer.status_code == 200
    assert answer.headers["ETag"] == 'W/"2"'
    assert answer.headers["Location"] == f"{fhir.base_url}/{path}/_history/2"
    found = body(answer)
    assert found["meta"]["versionId"] == "2"
    assert "active" not in found
    assert body(fhir.get(path)) == found
    assert found["meta"]["lastUpdated"] > stored["meta"]["lastUpdated"]  # type: ignore[index]


def test_the_index_follows_the_update(fhir: FhirHttp) -> None:
    old, new = uuid.uuid4().hex, uuid.uuid4().hex
    stored = create(fhir, patient(old))
    fhir.put(f"Patient/{stored['id']}", patient(new, id=stored["id"]))
    assert total(fhir, f"Patient?identifier={old}") == 0
    assert total(fhir, f"Patient?identifier={new}") == 1


@pytest.mark.parametrize("id_", [None, "other"])
def test_the_id_of_the_body_is_that_of_the_url(fhir: FhirHttp, path: str, id_: str | None) -> None:
    resource = patient() if id_ is None else patient(id=id_)
    assert problem(fhir.put(path, resource), 400)["expression"] == ["Patient.id"]
    assert fhir.get(path).headers["ETag"] == 'W/"1"'


def test_the_type_of_the_body_is_that_of_the_url(fhir: FhirHttp, path: str) -> None:
    resource = {"resourceType": "Group", "id": path[8:], "type": "person", "actual": True}
    problem(fhir.put(path, resource), 400)


def test_an_invalid_update_leaves_the_resource(fhir: FhirHttp, path: str) -> None:
    problem(fhir.put(path, patient(id=path[8:], gender=1)), 422)
    assert fhir.get(path).headers["ETag"] == 'W/"1"'


# --- If-Match ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ['W/"1"', '"1"', 'W/"1"  '])
def test_if_match_with_the_current_version_updates(fhir: FhirHttp, path: str, header: str) -> None:
    answer = fhir.put(path, patient(id=path[8:]), headers={"If-Match": header})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header", ['W/"2"', '"0"', 'W/"01x"', 'W/"99999999999999999999"', 'W/"-1"', 'W/"$gt"']
)
def test_if_match_with_another_version_is_412(fhir: FhirHttp, path: str, header: str) -> None:
    problem(fhir.put(path, patient(id=path[8:]), headers={"If-Match": header}), 412)
    assert fhir.get(path).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("header", ["1", 'W/1"', 'W/""', 'W/"1", W/"2"', '{"$ne": 1}', 'w/"1"', "W/'1'"])
def test_a_malformed_if_match_is_400(fhir: FhirHttp, path: str, header: str) -> None:
    answer = fhir.put(path, patient(id=path[8:]), headers={"If-Match": header})
    assert problem(answer, 400)["expression"] == ["http.If-Match"]
    assert fhir.get(path).headers["ETag"] == 'W/"1"'


def test_if_match_of_a_resource_that_is_not_there_is_412(fhir: FhirHttp) -> None:
    answer = fhir.put("Patient/absent-1", patient(id="absent-1"), headers={"If-Match": 'W/"1"'})
    problem(answer, 412)
    problem(fhir.get("Patient/absent-1"), 404)


# --- update as create -------------------------------------------------------------------------------


def test_a_free_id_is_created_by_update(fhir: FhirHttp) -> None:
    name = f"mine-{uuid.uuid4().hex[:8]}.A"
    answer = fhir.put(f"Patient/{name}", patient(id=name))
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{fhir.base_url}/Patient/{name}/_history/1"
    assert body(fhir.get(f"Patient/{name}"))["id"] == name


@pytest.mark.parametrize("name", ["a" * 65, "under_score", "a b", "é", "a%2Fb"])
def test_an_id_that_is_none_is_refused(fhir: FhirHttp, name: str) -> None:
    answer = fhir.put(f"Patient/{name}", patient(id=name))
    assert answer.status_code in (400, 404, 405, 422), answer.text
    assert body(answer)["resourceType"] == "OperationOutcome"


def test_an_app_bound_to_a_patient_never_creates_by_update(fhir: FhirHttp, make_client: object) -> None:
    owner = create(fhir, patient())["id"]
    app = make_client("patient/*.cruds", owner)  # type: ignore[operator]
    problem(app.put("Patient/free-id", patient(id="free-id")), 404)


@pytest.fixture(scope="module")
def strict(mongodb_uri: str, database_name: str) -> Iterator[FhirHttp]:
    with run_server(mongodb_uri, database_name, UPDATE_CREATE="false") as running:
        yield running.client()


def test_update_as_create_can_be_switched_off(strict: FhirHttp) -> None:
    answer = strict.put("Patient/not-there", patient(id="not-there"))
    problem(answer, 405)
    allowed = set(answer.headers["Allow"].split(", "))
    assert "GET" in allowed
    assert "PUT" not in allowed
    problem(strict.get("Patient/not-there"), 404)


def test_updates_go_on_where_update_as_create_is_off(strict: FhirHttp) -> None:
    stored = create(strict, patient())
    assert strict.put(f"Patient/{stored['id']}", stored).status_code == 200


# --- deleted ----------------------------------------------------------------------------------------


def test_a_deleted_resource_comes_back_with_the_next_version(fhir: FhirHttp, path: str) -> None:
    fhir.delete(path)
    answer = fhir.put(path, patient("back", id=path[8:]))
    assert answer.status_code == 201
    assert answer.headers["ETag"] == 'W/"3"'
    assert fhir.get(path).status_code == 200
    rows = body(fhir.get(f"{path}/_history"))["entry"]
    assert [row["request"]["method"] for row in rows] == ["PUT", "DELETE", "POST"]
    assert total(fhir, f"Patient?_id={path[8:]}") == 1


# --- conditional ------------------------------------------------------------------------------------


def test_a_conditional_update_without_match_creates(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    answer = fhir.put(f"Patient?identifier={key}", patient(key))
    assert answer.status_code == 201
    assert answer.headers["Location"]
    assert total(fhir, f"Patient?identifier={key}") == 1


def test_a_conditional_update_with_one_match_updates_it(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    stored = create(fhir, patient(key))
    for resource in (patient(key, active=True), patient(key, id=stored["id"])):
        answer = fhir.put(f"Patient?identifier={key}", resource)
        assert answer.status_code == 200
        assert body(answer)["id"] == stored["id"]
    assert fhir.get(f"Patient/{stored['id']}").headers["ETag"] == 'W/"3"'


def test_a_conditional_update_with_several_matches_is_412(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    for _ in range(2):
        create(fhir, patient(key))
    assert problem(fhir.put(f"Patient?identifier={key}", patient(key)), 412)["code"] == "multiple-matches"


def test_the_id_of_the_body_may_only_confirm_the_match(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    create(fhir, patient(key))
    problem(fhir.put(f"Patient?identifier={key}", patient(key, id="another")), 400)


def test_without_match_the_id_of_the_body_is_used_when_free(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    answer = fhir.put(f"Patient?identifier={key}", patient(key, id=f"own-{key}"))
    assert answer.status_code == 201
    assert body(answer)["id"] == f"own-{key}"


def test_without_match_a_taken_id_is_never_overwritten(fhir: FhirHttp, path: str) -> None:
    key = uuid.uuid4().hex
    problem(fhir.put(f"Patient?identifier={key}", patient(key, id=path[8:])), 409)
    assert fhir.get(path).headers["ETag"] == 'W/"1"'


def test_if_match_binds_a_conditional_update(fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    create(fhir, patient(key))
    wrong = {"If-Match": 'W/"5"'}
    problem(fhir.put(f"Patient?identifier={key}", patient(key), headers=wrong), 412)
    right = {"If-Match": 'W/"1"'}
    assert fhir.put(f"Patient?identifier={key}", patient(key), headers=right).status_code == 200


@pytest.mark.parametrize("query", ["", "?", "?_count=2", "?colour=blue", "?identifier="])
def test_criteria_that_say_nothing_change_nothing(fhir: FhirHttp, query: str) -> None:
    before = total(fhir, "Patient?")
    answer = fhir.put(f"Patient{query}", patient(), headers={"Prefer": "handling=lenient"})
    problem(answer, 400)
    assert total(fhir, "Patient?") == before


def test_an_audit_event_cannot_be_updated(fhir: FhirHttp) -> None:
    event = body(fhir.get("AuditEvent?_count=1"))["entry"][0]["resource"]
    answer = fhir.put(f"AuditEvent/{event['id']}", event)
    problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}
