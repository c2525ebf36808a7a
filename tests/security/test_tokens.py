"""No token, no data; a token does what its scopes say and no more. RFC 6750, SMART App Launch 2.2"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pymongo import MongoClient

from fhir_server.storage.oauth.access_tokens import TokenFacts
from tests.examples import bundle, create, entries, entry, patient, problem, transaction
from tests.http_client import FhirHttp
from tests.running_server import RunningServer, run_server

PATHS = [
    ("GET", "Patient/1"),
    ("HEAD", "Patient/1"),
    ("GET", "Patient/1/_history"),
    ("GET", "Patient/1/_history/1"),
    ("GET", "Patient"),
    ("POST", "Patient/_search"),
    ("GET", "Patient/_history"),
    ("GET", "_history"),
    ("GET", ""),
    ("POST", ""),
    ("POST", "_search"),
    ("POST", "Patient"),
    ("PUT", "Patient/1"),
    ("PUT", "Patient?identifier=1"),
    ("PATCH", "Patient/1"),
    ("DELETE", "Patient/1"),
    ("DELETE", "Patient?identifier=1"),
    ("GET", "AuditEvent"),
    ("GET", "Client/1"),
    ("GET", "$anything"),
    ("GET", "Patient/1/Observation"),
    ("GET", "Patient/1/*"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nothing_is_answered_without_a_token(server: RunningServer, method: str, path: str) -> None:
    answer = server.anonymous().request(method, path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="fhir"'
    if method != "HEAD":
        assert problem(answer, 401)["code"] == "login"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer x y",
        "Bearer " + "x" * 5000,
        "Bearer $ne",
        'Bearer {"$gt":""}',
        "Bearer \x80",
        "Basic YWRtaW46YWRtaW4=",
        "Digest x",
        "x",
        "",
        "bearer null",
    ],
)
def test_what_is_no_token_is_401(server: RunningServer, header: str) -> None:
    answer = server.anonymous().get("Patient/1", headers={"Authorization": header.encode("latin-1")})
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert header[7:] not in answer.text or len(header) < 12


def test_an_unknown_token_is_named_invalid(server: RunningServer) -> None:
    answer = FhirHttp(server.base_url, "x" * 43).get("Patient/1")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_the_scheme_has_no_case(server: RunningServer, fhir: FhirHttp) -> None:
    token = server.inside.issue_token(scope="system/*.rs", client_id="case")
    for scheme in ("bearer", "BEARER", "Bearer"):
        answer = server.anonymous().get("Patient", headers={"Authorization": f"{scheme} {token}"})
        assert answer.status_code == 200


def test_a_token_in_the_url_or_a_form_is_ignored(server: RunningServer) -> None:
    token = server.inside.issue_token(scope="system/*.rs", client_id="query")
    anonymous = server.anonymous()
    problem(anonymous.get("Patient", {"access_token": token}), 401)
    problem(anonymous.request("POST", "Patient/_search", data={"access_token": token}), 401)
    problem(anonymous.get("Patient", headers={"Cookie": f"access_token={token}"}), 401)


def test_an_expired_token_is_401(server: RunningServer) -> None:
    token = server.inside.issue_token(scope="system/*.rs", client_id="late", expires_in=1)
    client = FhirHttp(server.base_url, token)
    assert client.get("Patient").status_code == 200
    time.sleep(1.1)
    problem(client.get("Patient"), 401)  # though the worker has it in its cache


def test_a_token_is_kept_as_its_hash_only(server: RunningServer) -> None:
    token = server.inside.issue_token(scope="system/*.rs", client_id="hash")
    with MongoClient(server.inside.settings.mongodb_uri) as client:
        rows = list(client[server.inside.settings.mongodb_database]["oauth_access_tokens"].find())
    assert rows
    assert token not in str(rows)


@pytest.fixture(scope="module")
def quick(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    with run_server(mongodb_uri, database_name, TOKEN_CACHE_SECONDS="1") as running:
        yield running


def test_a_revoked_token_ends_within_the_cache_time(quick: RunningServer) -> None:
    token = quick.inside.issue_token(scope="system/*.rs", client_id="revoked")
    client = FhirHttp(quick.base_url, token)
    assert client.get("Patient").status_code == 200
    assert quick.inside.tokens.revoke(token)
    until = time.monotonic() + 1.3
    while time.monotonic() < until and client.get("Patient").status_code == 200:
        time.sleep(0.1)
    problem(client.get("Patient"), 401)


def test_a_token_with_a_scope_of_another_release_is_401(server: RunningServer) -> None:
    token = server.inside.tokens.add(TokenFacts("old", "galaxy/*.rs"), 3600)[0]
    problem(FhirHttp(server.base_url, token).get("Patient"), 401)


def test_a_token_whose_row_has_expired_long_ago_is_401(server: RunningServer) -> None:
    token = server.inside.issue_token(scope="system/*.rs", client_id="row")
    with MongoClient(server.inside.settings.mongodb_uri) as client:
        rows = client[server.inside.settings.mongodb_database]["oauth_access_tokens"]
        past = datetime.now(UTC) - timedelta(seconds=1)
        rows.update_one({"client_id": "row"}, {"$set": {"expires_at": past}})
    problem(FhirHttp(server.base_url, token).get("Patient"), 401)


# --- scopes -----------------------------------------------------------------------------------------

ASKS = {
    "c": [("POST", "Patient"), ("POST", "Patient")],
    "r": [("GET", "Patient/{id}"), ("GET", "Patient/{id}/_history"), ("GET", "Patient/{id}/_history/1")],
    "u": [("PUT", "Patient/{id}"), ("PATCH", "Patient/{id}")],
    "d": [("DELETE", "Patient/{free}")],
    "s": [("GET", "Patient"), ("POST", "Patient/_search"), ("GET", "Patient/_history")],
}


@pytest.mark.parametrize("letter", "cruds")
def test_a_letter_allows_its_interactions_and_no_other(
    server: RunningServer, fhir: FhirHttp, letter: str
) -> None:
    id_ = create(fhir, patient())["id"]
    client = server.client(f"system/Patient.{letter}")
    for other, asks in ASKS.items():
        for method, path in asks:
            path = path.format(id=id_, free="nothing")
            sent: object = patient(id=id_) if method == "PUT" else patient()
            if method == "PATCH":
                answer = client.patch(path, [{"op": "add", "path": "/active", "value": True}])
            elif path.endswith("_search"):
                answer = client.search("Patient", {"active": "true"}, post=True)
            elif method in ("POST", "PUT"):
                answer = client._send(method, path, sent, None, None)
            else:
                answer = client.request(method, path)
            assert (answer.status_code == 403) is (other != letter), (method, path, answer.text)
            assert answer.status_code < 500


def test_a_scope_for_one_type_opens_no_other(server: RunningServer, fhir: FhirHttp) -> None:
    client = server.client("system/Observation.cruds")
    id_ = create(fhir, patient())["id"]
    for answer in (
        client.get(f"Patient/{id_}"),
        client.get("Patient"),
        client.post("Patient", patient()),
        client.put(f"Patient/{id_}", patient(id=id_)),
        client.delete(f"Patient/{id_}"),
        client.get("Patient/_history"),
        client.delete("Patient?active=true"),
        client.post("Patient", patient(), headers={"If-None-Exist": "active=true"}),
        client.post("", transaction(entry("GET", f"Patient/{id_}"))),
        client.post("", transaction(entry("DELETE", f"Patient/{id_}"))),
    ):
        assert problem(answer, 403)["code"] == "forbidden"
    rows = entries(client.post("", bundle("batch", entry("GET", f"Patient/{id_}"))).json())
    assert rows[0]["response"]["status"] == "403"


def test_the_403_is_the_same_for_what_is_and_what_is_not(server: RunningServer, fhir: FhirHttp) -> None:
    client = server.client("system/Observation.rs")
    id_ = create(fhir, patient())["id"]
    one, other = client.get(f"Patient/{id_}"), client.get("Patient/nothing")
    assert one.json() == other.json()


def test_conditional_interactions_need_the_right_to_search(server: RunningServer, fhir: FhirHttp) -> None:
    create(fhir, patient("probe"))
    client = server.client("system/Patient.cud")
    headers = {"If-None-Exist": "identifier=probe"}
    problem(client.post("Patient", patient(), headers=headers), 403)
    problem(client.put("Patient?identifier=probe", patient()), 403)
    problem(client.delete("Patient?identifier=probe"), 403)
    problem(client.patch("Patient?identifier=probe", [{"op": "add", "path": "/active", "value": True}]), 403)


def test_conditional_references_need_the_right_to_search(server: RunningServer, fhir: FhirHttp) -> None:
    create(fhir, patient("probe-2"))
    client = server.client("system/Observation.cruds")
    row = entry(
        "POST",
        "Observation",
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "Patient?identifier=probe-2"},
        },
    )
    problem(client.post("", transaction(row)), 403)


def test_create_by_update_needs_both_rights(server: RunningServer, fhir: FhirHttp) -> None:
    client = server.client("system/Patient.u")
    problem(client.put("Patient/not-yet", patient(id="not-yet")), 403)
    problem(fhir.get("Patient/not-yet"), 404)


def test_the_history_of_the_system_shows_the_types_of_the_token_only(
    server: RunningServer, fhir: FhirHttp
) -> None:
    create(fhir, patient())
    create(fhir, {"resourceType": "Basic", "code": {"text": "x"}})
    page = server.client("system/Basic.rs").get("_history?_count=100").json()
    assert {row["fullUrl"].split("/")[-2] for row in entries(page)} == {"Basic"}
