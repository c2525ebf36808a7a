"""Apps with access: seen in plain words, ended by a click, on every worker in five seconds."""

from __future__ import annotations

import time

import requests

from tests.integration.people.conftest import SCOPE
from tests.people import Browser, add_app, authorize_url, exchange
from tests.running_server import RunningServer, run_server

SECONDS = 5


def allow(server: RunningServer, username: str, patient: str = "") -> tuple[Browser, str, dict[str, str]]:
    """Lets an app in; returns the browser, the app and its tokens."""
    client_id = add_app(server, SCOPE, name="Carnet <b>de</b> santé")
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE))
    browser.log_in(username)
    if patient:
        browser.submit("/auth/patient", patient=patient)
    browser.submit("/auth/consent", decision="allow")
    return browser, client_id, exchange(server, client_id, browser.returned["code"])


def read(server: RunningServer, token: dict[str, str]) -> int:
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    return requests.get(
        f"{server.base_url}/Patient/{token['patient']}", headers=headers, timeout=30
    ).status_code


def test_an_app_that_was_let_in_is_listed_in_plain_words(server: RunningServer) -> None:
    browser, _, _ = allow(server, "zoe")
    page = browser.get("/auth/access")
    assert "Carnet <b>de</b> santé" in page.text
    assert "Consulter : Résultats d’examens, mesures et constatations" in page.text
    assert "Zoé ESSAI1" in page.text


def test_an_access_that_was_ended_stops_on_all_workers(
    server: RunningServer, mongodb_uri: str, database_name: str
) -> None:
    browser, client_id, token = allow(server, "zoe")
    with run_server(mongodb_uri, database_name) as other:
        assert [read(one, token) for one in (server, other)] == [200, 200]
        page = browser.get("/auth/access")
        grants = [dict(form.fields)["grant"] for form in page.forms if form.action == "/auth/access"]
        mine = {g.grant_id for g in server.inside.oauth.grants.of_patient("p1") if g.client_id == client_id}
        form = next(f for f in page.forms if dict(f.fields).get("grant") in mine)
        begin = time.monotonic()
        assert "L’accès est retiré" in browser.send("/auth/access", form.data({})).text
        assert len(grants) > 0
        while [read(one, token) for one in (server, other)] != [401, 401]:
            assert time.monotonic() - begin < SECONDS
            time.sleep(0.1)
    refused = requests.post(
        f"{server.base_url.removesuffix('/fhir')}/auth/token",
        data={"grant_type": "refresh_token", "refresh_token": token["refresh_token"], "client_id": client_id},
        timeout=30,
    )
    assert refused.status_code == 400
    assert refused.json()["error"] == "invalid_grant"


def test_a_grant_of_somebody_else_cannot_be_ended(server: RunningServer) -> None:
    _, client_id, token = allow(server, "zoe")
    theirs = next(g for g in server.inside.oauth.grants.of_patient("p1") if g.client_id == client_id)
    browser, _, _ = allow(server, "parent", "p3")
    form = browser.get("/auth/access").form("/auth/access")
    browser.send("/auth/access", form.data({"grant": theirs.grant_id}))
    assert server.inside.oauth.grants.find(theirs.grant_id) is not None
    assert read(server, token) == 200


def test_a_representative_sees_what_another_one_allowed_for_the_record(server: RunningServer) -> None:
    from tests.people import add_account

    add_account(
        server, "autre", "representative", fhir_user="RelatedPerson/r2", patients=["p3"], display="Autre"
    )
    _, client_id, token = allow(server, "autre")
    browser, _, _ = allow(server, "parent", "p2")
    page = browser.get("/auth/access")
    assert "par Autre" in page.text
    theirs = next(g for g in server.inside.oauth.grants.of_patient("p3") if g.client_id == client_id)
    form = next(f for f in page.forms if dict(f.fields).get("grant") == theirs.grant_id)
    browser.send("/auth/access", form.data({}))
    assert server.inside.oauth.grants.find(theirs.grant_id) is None
    assert token["patient"] == "p3"
