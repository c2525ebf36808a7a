"""EHR launch: the context that an EHR opens an app in, once. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html"""

from __future__ import annotations

from typing import Any

import pytest
import requests

from fhir_server.auth.decision import Granted
from tests.running_server import RunningServer
from tests.smart_app import (
    DOCTOR,
    PATIENT,
    SmartApp,
    query,
    register,
    register_system,
    rsa_key,
    system_token,
)

SCOPE = "launch openid fhirUser patient/*.rs user/*.rs"
CONTEXT: dict[str, Any] = {
    "patient": "p7",
    "encounter": "e7",
    "fhirContext": [
        {"reference": "ImagingStudy/i1"},
        {"reference": "Patient/p8", "role": "https://example.org/role/donor"},
        {"identifier": {"system": "urn:x", "value": "1"}, "type": "Observation"},
    ],
    "need_patient_banner": False,
    "intent": "reconcile-medications",
    "smart_style_url": "https://ehr.example.org/style-1.json",
    "tenant": "hospital-1",
}


@pytest.fixture(scope="module")
def app(server: RunningServer) -> SmartApp:
    return register(server, launch_uri="https://app.example.org/launch")


@pytest.fixture(scope="module")
def ehr(server: RunningServer) -> str:
    """The access token of an EHR that may open apps."""
    system = register_system(server, scope="system/*.rs __launch")
    answer = system_token(system, rsa_key(), "RS384", scope="__launch")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def open_app(app: SmartApp, token: str, **document: Any) -> requests.Response:
    body = {"client_id": app.client_id, "fhirUser": DOCTOR.fhir_user, **CONTEXT, **document}
    body = {name: value for name, value in body.items() if value is not None}
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(app.url("launch"), json=body, headers=headers, timeout=10)


def test_an_app_is_opened_in_context_and_told_of_it(app: SmartApp, ehr: str) -> None:
    opened = open_app(app, ehr)
    assert opened.status_code == 201
    body = opened.json()
    assert body["url"].startswith("https://app.example.org/launch?")
    assert query(body["url"]) == {"iss": app.server.base_url, "launch": body["launch"]}
    token = app.launch(DOCTOR, patient="", scope=SCOPE, launch=body["launch"])
    assert {name: token[name] for name in CONTEXT} == CONTEXT
    assert token["need_patient_banner"] is False
    assert "patient/*.rs" in token["scope"].split()


def test_the_record_of_the_launch_wins_over_a_chosen_one(app: SmartApp, ehr: str) -> None:
    launch = open_app(app, ehr).json()["launch"]
    assert app.launch(DOCTOR, patient="p9", scope=SCOPE, launch=launch)["patient"] == "p7"


def test_a_launch_value_works_once(app: SmartApp, ehr: str) -> None:
    launch = open_app(app, ehr).json()["launch"]
    first, second = (app.request_id(scope=SCOPE, launch=launch) for _ in range(2))
    granted = Granted(DOCTOR, tuple(SCOPE.split()))
    assert "code" in app.finish(first, granted)
    assert app.finish(second, granted)["error"] == "invalid_request"
    third = app.begin(scope=SCOPE, launch=launch)
    assert query(third.headers["Location"])["error"] == "invalid_request"


def test_a_launch_value_is_of_one_app_and_one_person(server: RunningServer, app: SmartApp, ehr: str) -> None:
    launch = open_app(app, ehr).json()["launch"]
    other = register(server).begin(scope=SCOPE, launch=launch)
    assert query(other.headers["Location"])["error"] == "invalid_request"
    request_id = app.request_id(scope=SCOPE, launch=launch)
    answer = app.finish(request_id, Granted(PATIENT, tuple(SCOPE.split()), "p1"))
    assert answer["error"] == "access_denied"


def test_a_launch_value_is_too_old_after_five_minutes(app: SmartApp, ehr: str) -> None:
    opened = open_app(app, ehr).json()
    assert opened["expires_in"] == 300
    rows = app.server.inside.mongo.collection("oauth_launches")
    row = app.server.inside.oauth.launches.find(opened["launch"], app.client_id)
    assert row is not None
    rows.update_one({"_id": row.digest}, {"$set": {"expires_at": row.expires_at.replace(year=2020)}})
    assert (
        query(app.begin(scope=SCOPE, launch=opened["launch"]).headers["Location"])["error"]
        == "invalid_request"
    )


@pytest.mark.parametrize(
    "document",
    [
        {"client_id": None},
        {"client_id": "unknown"},
        {"client_id": {"$ne": ""}},
        {"patient": "a/b"},
        {"patient": {"$ne": ""}},
        {"patient": 1},
        {"fhirUser": "https://evil.example/Patient/1"},
        {"need_patient_banner": "true"},
        {"smart_style_url": "javascript:alert(1)"},
        {"fhirContext": [{}]},
        {"fhirContext": [{"reference": "Patient/p1"}]},
        {"fhirContext": [{"reference": "Encounter/e1", "role": "launch"}]},
        {"fhirContext": [{"reference": "x"}]},
        {"fhirContext": [{"reference": "Observation/1", "role": "relative"}]},
        {"fhirContext": [{"reference": "Observation/1", "role": ""}]},
        {"fhirContext": {}},
        {"something": 1},
        {"fhirContext": [{"identifier": {"$ne": 1}}]},
        {"fhirContext": [{"identifier": {"a.b": 1}}]},
        {"fhirContext": [{"identifier": {"value": {"$gt": ""}}}]},
        {"fhirContext": [{"identifier": {"value": 10**30}}]},
        {"fhirContext": [{"identifier": {"system": "urn:x", "value": "1", "other": [1]}}]},
    ],
    ids=str,
)
def test_a_context_that_is_wrong_is_refused(app: SmartApp, ehr: str, document: dict[str, Any]) -> None:
    answer = open_app(app, ehr, **document)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b"null", b"[" * 5000, b'{"client_id":1,"client_id":2}', b"\xff"]
)
def test_a_body_that_is_no_json_object_is_refused(app: SmartApp, ehr: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {ehr}", "Content-Type": "application/json"}
    assert requests.post(app.url("launch"), data=body, headers=headers, timeout=10).status_code == 400


def test_only_who_holds_the_scope_opens_apps(server: RunningServer, app: SmartApp) -> None:
    assert open_app(app, "x").status_code == 401
    assert open_app(app, app.launch()["access_token"]).status_code == 403
    assert open_app(app, server.inside.issue_token(scope="system/*.cruds", client_id="x")).status_code == 403


def test_a_clinician_opens_apps_for_herself_only(server: RunningServer, app: SmartApp) -> None:
    software = register(server, scope="__launch launch/patient patient/*.rs user/*.rs")
    token = software.launch(DOCTOR, patient="p7", scope="__launch launch/patient patient/*.rs")[
        "access_token"
    ]
    assert open_app(app, token, fhirUser=None).status_code == 201
    assert open_app(app, token).status_code == 201
    assert open_app(app, token, fhirUser="Practitioner/other").status_code == 403
    assert open_app(app, token, patient="p8").status_code == 403


def test_an_app_without_a_launch_uri_is_not_opened(server: RunningServer, ehr: str) -> None:
    assert open_app(register(server), ehr).status_code == 400


def test_contexts_of_other_types_are_asked_for_by_launch(app: SmartApp, ehr: str) -> None:
    launch = open_app(app, ehr).json()["launch"]
    scope = f"{SCOPE} launch/imagingstudy?role=x launch/encounter"
    token = app.launch(DOCTOR, patient="", scope=scope, launch=launch)
    assert set(scope.split()) <= set(token["scope"].split())
