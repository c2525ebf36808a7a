"""As what and where a professional acts goes with the grant: into tokens and the audit trail."""

from __future__ import annotations

from typing import Any

import requests

from fhir_server.auth.bearer import Authenticator
from fhir_server.auth.install import EXTENSION
from fhir_server.auth.introspect import describe
from fhir_server.policy.context import AccessContext
from tests.people import Browser, add_app, authorize_url, exchange
from tests.running_server import RunningServer

SCOPE = "openid offline_access user/Patient.rs"


def let_in(server: RunningServer, activity: str) -> tuple[str, dict[str, Any]]:
    """The doctor lets an app in, in one of her activities."""
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE))
    browser.log_in("medecin")
    browser.submit("/auth/activity", activity=activity)
    browser.submit("/auth/consent", decision="allow")
    return client_id, exchange(server, client_id, browser.returned["code"])


def ask(server: RunningServer, path: str, **form: str) -> dict[str, Any]:
    """Sends a form to the authorization server."""
    address = f"{server.base_url.removesuffix('/fhir')}/auth/{path}"
    answer = requests.post(address, data=form, timeout=30)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


class Asked:
    """A request as the authenticator reads it."""

    method, path = "GET", "/fhir/Patient"

    def __init__(self, token: str) -> None:
        self.headers = {"Authorization": f"Bearer {token}"}


def context_of(server: RunningServer, token: str) -> AccessContext:
    authenticator: Authenticator = server.inside.authenticator
    return authenticator.authenticate(Asked(token), "127.0.0.1", "r")


def test_the_chosen_activity_is_in_the_token_and_in_the_refreshed_one(server: RunningServer) -> None:
    client_id, body = let_in(server, "1")
    again = ask(
        server, "token", grant_type="refresh_token", refresh_token=body["refresh_token"], client_id=client_id
    )
    for token in (body["access_token"], again["access_token"]):
        activity = context_of(server, token).activity
        assert (activity.role, activity.organization) == ("10", "Organization/Hôpital")


def test_the_audit_trail_says_as_what_and_where_she_acted(server: RunningServer) -> None:
    _, body = let_in(server, "0")
    fhir = requests.get(
        f"{server.base_url}/Patient/p3",
        headers={"Authorization": f"Bearer {body['access_token']}"},
        timeout=30,
    )
    assert fhir.status_code == 200
    trail = server.client().get("AuditEvent?patient=p3&agent=Practitioner/dr&_sort=-date&_count=1").json()
    agents = trail["entry"][0]["resource"]["agent"]
    person = next(one for one in agents if one["who"].get("reference") == "Practitioner/dr")
    place = next(one for one in agents if one["who"].get("display") == "Cabinet")
    assert person["role"][0]["coding"][0]["code"] == "10"
    assert place["type"]["coding"][0]["code"] == "PROV"


def test_the_app_is_not_told_where_she_works(server: RunningServer) -> None:
    _, body = let_in(server, "1")
    row = server.inside.oauth.tokens.find(body["access_token"])
    assert row is not None
    assert row.activity["role_display"] == "Médecin"
    extension = server.app.extensions[EXTENSION]
    for told in (body, describe(extension.server, row)):
        assert "Hôpital" not in str(told)
        assert "Médecin" not in str(told)


def test_without_an_activity_there_is_no_silent_answer(server: RunningServer) -> None:
    scope = "openid user/Patient.rs"
    client_id = add_app(server, scope)
    browser = Browser(server)
    browser.get("/auth/login")
    browser.log_in("medecin")
    browser.get(authorize_url(server, client_id, scope, prompt="none"))
    assert browser.returned["error"] == "interaction_required"
