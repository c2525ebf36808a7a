"""The name of a session changes at every proof, and a session ends everywhere. CWE-384, ASVS 5 §7"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp

from tests.people import KEY, Browser, add_account
from tests.running_server import RunningServer

OTHER_KEY = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"


def test_a_cookie_that_was_planted_is_no_session(server: RunningServer) -> None:
    browser = Browser(server)
    planted = "planted" * 8
    browser.session.cookies.set("auth-login", planted, domain="127.0.0.1", path="/")
    assert browser.get("/auth/access").heading == "Connectez-vous"
    browser.log_in("zoe")
    assert browser.cookie("auth-login") != planted
    assert server.inside.logins.sessions.find(planted) is None


def test_the_name_of_the_session_changes_at_each_proof(server: RunningServer) -> None:
    add_account(server, "fixe", fhir_user="Patient/p1", patients=["p1"], totp_key=OTHER_KEY)
    browser = Browser(server)
    browser.get("/auth/login")
    before = browser.cookie("auth-browser")
    browser.submit("/auth/login", username="fixe", password="cheval correct batterie agrafe")
    half = browser.cookie("auth-login")
    assert browser.cookie("auth-browser") == before
    browser.submit("/auth/second-factor", code=pyotp.TOTP(OTHER_KEY).now())
    whole = browser.cookie("auth-login")
    assert whole != half
    assert browser.cookie("auth-browser") != before
    assert server.inside.logins.sessions.find(half) is None
    # Logging in again ends the session before.
    browser.get("/auth/login?next=security&again=1")
    browser.submit("/auth/login", username="zoe", password="cheval correct batterie agrafe")
    assert server.inside.logins.sessions.find(whole) is None


def test_a_half_login_opens_nothing(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get("/auth/login")
    browser.submit("/auth/login", username="zoe2", password="cheval correct batterie agrafe")
    for path in ("/auth/access", "/auth/security", "/auth/login", "/admin/clients"):
        assert browser.get(path).heading == "Connectez-vous"
    assert browser.get("/auth/enrol").heading == "Confirmez que c’est vous"


def test_after_logout_the_cookie_is_worth_nothing(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get("/auth/login")
    browser.log_in("zoe")
    cookie = browser.cookie("auth-login")
    browser.submit("/auth/logout")
    browser.session.cookies.set("auth-login", cookie, domain="127.0.0.1", path="/")
    assert browser.get("/auth/access").heading == "Connectez-vous"


def test_a_session_ends_when_idle_and_at_its_absolute_end(server: RunningServer) -> None:
    for field in ("set__idle_at", "set__expires_at"):
        browser = Browser(server)
        browser.get("/auth/login")
        assert browser.log_in("zoe").heading == "Applications qui ont un accès"
        session = server.inside.logins.sessions.find(browser.cookie("auth-login"))
        assert session is not None
        assert session.idle_at - session.started_at == timedelta(minutes=30)
        assert session.expires_at - session.started_at == timedelta(hours=12)
        server.inside.logins.sessions.change(session, {field: datetime.now(UTC) - timedelta(seconds=1)})
        assert browser.get("/auth/access").heading == "Connectez-vous"


def test_a_disabled_account_is_out_at_once(server: RunningServer) -> None:
    account = add_account(server, "parti", fhir_user="Patient/p1", patients=["p1"])
    browser = Browser(server)
    browser.get("/auth/login")
    assert browser.log_in("parti").heading == "Applications qui ont un accès"
    server.inside.accounts.disable(account.account_id)
    assert browser.get("/auth/access").heading == "Connectez-vous"
    browser.log_in("parti")
    assert browser.answer.status_code == 401


def test_the_cookie_is_not_what_the_database_keeps(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get("/auth/login")
    browser.log_in("zoe2", key=KEY)
    cookie = browser.cookie("auth-login")
    rows = list(server.inside.mongo.collection("login_sessions").find())
    assert rows
    assert all(cookie not in str(row) for row in rows)
