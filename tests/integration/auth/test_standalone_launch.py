"""Standalone launch: authorize, code, token, refresh. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html"""

from __future__ import annotations

import time

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from fhir_server.auth.decision import Denied, Granted
from tests.examples import create, observation, patient
from tests.http_client import FhirHttp
from tests.running_server import RunningServer
from tests.smart_app import DOCTOR, PATIENT, REDIRECT, SCOPE, Someone, query, register


@pytest.fixture(scope="module")
def record(server: RunningServer, fhir: FhirHttp) -> Someone:
    """A person with a record of one Observation."""
    id_ = create(fhir, patient("smart"))["id"]
    create(fhir, observation(f"Patient/{id_}"))
    create(fhir, observation(f"Patient/{create(fhir, patient('other'))['id']}"))
    return Someone(fhir_user=f"Patient/{id_}", patients=(id_,))


def test_a_public_app_gets_the_token_response_of_smart_and_reads_the_record(
    server: RunningServer, record: Someone
) -> None:
    answer = (app := register(server)).exchange(app.approve(record))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 900
    assert body["patient"] == record.patients[0]
    assert set(body["scope"].split()) == set(SCOPE.split())
    client = FhirHttp(server.base_url, body["access_token"])
    found = client.get("Observation").json()
    assert found["total"] == 1
    assert found["entry"][0]["resource"]["subject"]["reference"] == record.fhir_user


def test_a_request_by_post_is_answered_as_one_by_get(server: RunningServer) -> None:
    answer = register(server).begin(post=True)
    assert answer.status_code == 303
    assert "request" in query(answer.headers["Location"])


def test_the_answer_repeats_state_and_names_the_issuer(server: RunningServer) -> None:
    app = register(server)
    state = "§ &=+%20" + "x" * 40
    answer = app.finish(app.request_id(state=state), Granted(PATIENT, ("patient/*.rs",), "p1"))
    assert answer["state"] == state
    assert answer["iss"] == server.inside.settings.issuer_url
    assert set(answer) == {"code", "state", "iss"}


def test_a_refusal_reaches_the_app_with_state_and_issuer(server: RunningServer) -> None:
    app = register(server)
    answer = app.finish(app.request_id(), Denied())
    assert answer["error"] == "access_denied"
    assert answer["state"] == "s" * 32
    assert answer["iss"] == server.inside.settings.issuer_url


def test_a_request_is_finished_once(server: RunningServer) -> None:
    app = register(server)
    request_id = app.request_id()
    app.finish(request_id, Denied())
    with server.app.test_request_context():
        again = server.app.extensions["fhir_server_authorization"].authorization.finish(request_id, Denied())
    assert again.status_code == 400


def test_the_id_token_is_signed_rs256_and_says_who(server: RunningServer, record: Someone) -> None:
    app = register(server)
    body = app.launch(record, nonce="n-1")
    configuration = requests.get(app.url(".well-known/openid-configuration"), timeout=10).json()
    keys = KeySet.import_key_set(requests.get(configuration["jwks_uri"], timeout=10).json())
    token = jwt.decode(body["id_token"], keys, algorithms=["RS256"])
    assert token.header["kid"]
    assert token.claims["iss"] == configuration["issuer"]
    assert token.claims["aud"] == app.client_id
    assert token.claims["sub"] == record.account_id
    assert token.claims["nonce"] == "n-1"
    assert token.claims["exp"] > time.time()
    assert token.claims["fhirUser"] == f"{server.base_url}/{record.fhir_user}"
    person = FhirHttp(server.base_url, body["access_token"]).get(token.claims["fhirUser"])
    assert person.json()["resourceType"] == "Patient"


def test_without_openid_there_is_no_id_token(server: RunningServer) -> None:
    body = register(server).launch(scope="patient/*.rs launch/patient")
    assert "id_token" not in body
    assert "refresh_token" not in body


def test_userinfo_says_what_the_id_token_said(server: RunningServer) -> None:
    app = register(server)
    body = app.launch()
    answer = requests.get(
        app.url("userinfo"), headers={"Authorization": f"Bearer {body['access_token']}"}, timeout=10
    )
    assert answer.json() == {"sub": "account-1", "fhirUser": f"{server.base_url}/Patient/p1"}
    anonymous = requests.get(app.url("userinfo"), timeout=10)
    assert anonymous.status_code == 401
    assert anonymous.headers["WWW-Authenticate"].startswith("Bearer")
    other = app.launch(scope="patient/*.rs")
    refused = requests.get(
        app.url("userinfo"), headers={"Authorization": f"Bearer {other['access_token']}"}, timeout=10
    )
    assert refused.status_code == 403


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_refreshing_gives_a_new_pair_with_the_same_context(server: RunningServer, method: str) -> None:
    app = register(server, auth_method=method)
    first = app.launch()
    second = app.refresh(first["refresh_token"]).json()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    for name in ("scope", "patient", "token_type", "expires_in"):
        assert second[name] == first[name]
    third = app.refresh(second["refresh_token"])
    assert third.status_code == 200


def test_a_refresh_may_ask_for_less_and_later_for_all_again(server: RunningServer) -> None:
    app = register(server)
    first = app.launch()
    less = app.refresh(first["refresh_token"], scope="patient/Observation.r offline_access").json()
    assert less["scope"] == "patient/Observation.r offline_access"
    client = FhirHttp(server.base_url, less["access_token"])
    assert client.get("Observation").status_code == 403
    again = app.refresh(less["refresh_token"]).json()
    assert again["scope"] == first["scope"]


@pytest.mark.parametrize(
    "scope", ["patient/*.cruds", "user/*.rs", "patient/*.rs system/*.rs", "online_access", "x"]
)
def test_a_refresh_that_asks_for_more_is_refused_and_uses_nothing_up(
    server: RunningServer, scope: str
) -> None:
    app = register(server)
    token = app.launch()["refresh_token"]
    assert app.refresh(token, scope=scope).json()["error"] == "invalid_scope"
    assert app.refresh(token).status_code == 200


def test_the_person_grants_less_than_the_app_asked(server: RunningServer) -> None:
    app = register(server)
    body = app.launch(
        scopes=["patient/Observation.rs", "patient/Patient.r", "user/*.rs", "launch/patient"],
        scope="launch/patient patient/*.rs",
    )
    assert set(body["scope"].split()) == {"patient/Observation.rs", "patient/Patient.r", "launch/patient"}
    client = FhirHttp(server.base_url, body["access_token"])
    assert client.get("Observation").status_code == 200
    assert client.get("Condition").status_code == 403


def test_scopes_of_version_1_come_back_as_they_were_asked(server: RunningServer) -> None:
    body = register(server).launch(scope="launch/patient patient/Observation.read patient/Patient.*")
    assert set(body["scope"].split()) == {"launch/patient", "patient/Observation.read", "patient/Patient.*"}
    client = FhirHttp(server.base_url, body["access_token"])
    assert client.get("Observation").status_code == 200
    assert client.post("Observation", observation("Patient/p1")).status_code == 403


def test_the_client_limits_what_is_asked(server: RunningServer) -> None:
    app = register(server, scope="launch/patient patient/Observation.rs patient/Condition.r")
    body = app.launch(scope="launch/patient patient/*.read")
    assert set(body["scope"].split()) == {"launch/patient", "patient/Observation.read", "patient/Condition.r"}


def test_patient_scopes_bring_a_patient_though_none_was_asked_for(server: RunningServer) -> None:
    body = register(server).launch(scope="patient/Observation.rs")
    assert body["patient"] == "p1"


def test_nobody_grants_the_record_of_another(server: RunningServer) -> None:
    app = register(server)
    answer = app.finish(app.request_id(), Granted(PATIENT, ("patient/*.rs",), "p2"))
    assert answer["error"] == "access_denied"


def test_a_professional_chooses_a_record(server: RunningServer) -> None:
    body = register(server).launch(DOCTOR, patient="p7")
    assert body["patient"] == "p7"


def test_a_silent_request_is_answered_by_what_was_remembered(server: RunningServer) -> None:
    app = register(server)
    answer = app.begin(prompt="none")
    assert answer.headers["Location"].startswith(REDIRECT)
    assert query(answer.headers["Location"])["error"] == "login_required"
    endpoint = server.app.extensions["fhir_server_authorization"].authorization
    before, endpoint._current_person = endpoint._current_person, lambda request: PATIENT
    try:
        assert query(app.begin(prompt="none").headers["Location"])["error"] == "consent_required"
        app.approve(remember=True)
        more = app.begin(prompt="none", scope="patient/*.cruds")
        assert query(more.headers["Location"])["error"] == "consent_required"
        code = query(app.begin(prompt="none").headers["Location"])["code"]
        assert app.exchange(code).json()["patient"] == "p1"
    finally:
        endpoint._current_person = before


def test_what_a_person_leaves_out_later_is_withdrawn_and_what_was_not_offered_stays(
    server: RunningServer,
) -> None:
    app = register(server)
    first = app.launch(scope="launch/patient offline_access patient/*.rs user/Patient.r")
    app.approve(
        scopes=["launch/patient", "offline_access", "patient/Observation.rs"],
        scope="launch/patient offline_access patient/*.rs",
    )
    second = app.refresh(first["refresh_token"]).json()
    assert set(second["scope"].split()) == {
        "launch/patient",
        "offline_access",
        "patient/Observation.rs",
        "user/Patient.r",
    }


def test_a_decision_of_another_session_is_refused(server: RunningServer) -> None:
    app = register(server)
    request_id = app.request_id()
    assert server.inside.oauth.requests.bind(request_id, "session-of-another")
    assert not server.inside.oauth.requests.bind(request_id, PATIENT.session_id)
    answer = app.finish(request_id, Granted(PATIENT, ("patient/*.rs",), "p1"))
    assert answer["error"] == "access_denied"


def test_what_was_asked_each_time_is_not_remembered_by_the_way(server: RunningServer) -> None:
    app = register(server)
    app.approve(scope="patient/Observation.rs")
    app.approve(scope="patient/Condition.rs", remember=True)
    assert server.inside.oauth.grants.remembered(PATIENT.account_id, app.client_id) == []
    app.approve(scope="patient/Observation.rs patient/Condition.rs", remember=True)
    (grant,) = server.inside.oauth.grants.remembered(PATIENT.account_id, app.client_id)
    assert {"patient/Observation.rs", "patient/Condition.rs"} <= set(grant.scopes)
