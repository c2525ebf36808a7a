"""People log in: what a right and a wrong password do, and where a login leads. OWASP ASVS 5 §6.3"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pyotp
from joserfc.jws import extract_compact

from tests.integration.people.conftest import SCOPE
from tests.people import KEY, PASSWORD, Browser, add_account, add_app, authorize_url, exchange
from tests.running_server import RunningServer


def test_an_app_gets_its_token_after_login_and_consent(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    page = browser.get(authorize_url(server, client_id, SCOPE))
    assert page.heading == "Connectez-vous"
    assert "Carnet de santé" in page.text
    page = browser.log_in("zoe")
    assert page.heading == "Carnet de santé demande un accès"
    assert "Zoé ESSAI1" in page.text
    browser.submit("/auth/consent", decision="allow")
    assert browser.left_for.startswith("http://127.0.0.1:9/callback?")
    token = exchange(server, client_id, browser.returned["code"])
    assert token["patient"] == "p1"
    assert set(token["scope"].split()) == set(SCOPE.split())


def test_a_refusal_goes_back_to_the_app(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    browser.log_in("zoe")
    browser.submit("/auth/consent", decision="deny")
    assert browser.returned["error"] == "access_denied"
    assert "code" not in browser.returned


def test_each_scope_can_be_left_out(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE))
    browser.log_in("zoe")
    browser.submit("/auth/consent", scope=["patient/Patient.rs"], decision="allow")
    token = exchange(server, client_id, browser.returned["code"])
    assert set(token["scope"].split()) == {"patient/Patient.rs", "launch/patient"}
    assert "refresh_token" not in token


def test_a_remembered_consent_is_not_asked_again(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE))
    browser.log_in("zoe")
    browser.submit("/auth/consent", decision="allow", remember="always")
    browser.left_for = ""
    browser.get(authorize_url(server, client_id, SCOPE))
    assert "code" in browser.returned
    browser.left_for = ""
    browser.get(authorize_url(server, client_id, SCOPE, prompt="consent"))
    assert browser.left_for == ""
    assert browser.path == "/auth/consent"


def test_a_code_is_asked_after_the_password_and_used_once(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get("/auth/login")
    assert browser.log_in("zoe2").heading == "Confirmez que c’est vous"
    assert browser.get("/auth/access").heading == "Connectez-vous"
    browser.get("/auth/second-factor")
    code = pyotp.TOTP(KEY).now()
    assert browser.submit("/auth/second-factor", code=code).heading == "Applications qui ont un accès"
    other = Browser(server)
    other.get("/auth/login")
    other.log_in("zoe2")
    assert other.submit("/auth/second-factor", code=code).heading == "Confirmez que c’est vous"
    assert other.answer.status_code == 401


def test_the_id_token_tells_how_the_person_logged_in(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE))
    browser.log_in("zoe")
    browser.submit("/auth/consent", decision="allow")
    token = exchange(server, client_id, browser.returned["code"])
    claims = json.loads(extract_compact(token["id_token"].encode()).payload)
    assert claims["fhirUser"].endswith("/fhir/Patient/p1")
    assert claims["amr"] == ["pwd"]


def test_a_given_password_is_replaced_at_the_first_login_and_ends(server: RunningServer) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    add_account(server, "neuf", fhir_user="Patient/p1", patients=["p1"], password_until=until)
    browser = Browser(server)
    browser.get("/auth/login")
    assert browser.log_in("neuf").heading == "Choisissez votre mot de passe"
    same = browser.submit("/auth/new-password", password=PASSWORD, repeated=PASSWORD)
    assert "différent de l’actuel" in same.text
    new = "une autre suite de mots"
    page = browser.submit("/auth/new-password", password=new, repeated=new)
    assert page.heading == "Applications qui ont un accès"
    again = Browser(server)
    again.get("/auth/login")
    assert again.log_in("neuf", new).heading == "Applications qui ont un accès"
    add_account(server, "tard", password_until=datetime.now(UTC) - timedelta(seconds=1))
    late = Browser(server)
    late.get("/auth/login")
    late.log_in("tard")
    assert late.answer.status_code == 401


def test_english_is_spoken_to_who_asks_for_it(server: RunningServer) -> None:
    assert Browser(server, "en-GB,en;q=0.9").get("/auth/login").heading == "Log in"
    browser = Browser(server, "en")
    assert browser.get("/auth/login?lang=fr").heading == "Connectez-vous"
    assert browser.get("/auth/login").heading == "Connectez-vous"
    assert Browser(server, "de").get("/auth/login").heading == "Connectez-vous"
