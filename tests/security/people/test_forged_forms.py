"""Cross-site request forgery: a form that another site, session or page made changes nothing. CWE-352"""

from __future__ import annotations

import pytest

from tests.integration.people.conftest import SCOPE
from tests.people import KEY, PASSWORD, Browser, add_app, authorize_url
from tests.running_server import RunningServer

FORGED = ["", "0" * 64, "é", "x" * 10_000]


def at_consent(server: RunningServer, username: str = "zoe") -> Browser:
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    browser.log_in(username)
    return browser


@pytest.mark.parametrize("token", FORGED)
def test_a_forged_consent_is_refused(server: RunningServer, token: str) -> None:
    browser = at_consent(server)
    page = browser.submit("/auth/consent", form_token=token, decision="allow")
    assert browser.answer.status_code == 400
    assert page.heading == "Cette demande n’est plus valable"
    assert browser.left_for == ""


def test_the_token_of_another_request_of_the_same_session_is_refused(server: RunningServer) -> None:
    browser = at_consent(server)
    first = dict(browser.page.form("/auth/consent").fields)["form_token"]
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    second = dict(browser.page.form("/auth/consent").fields)["form_token"]
    assert first != second
    browser.submit("/auth/consent", form_token=first, decision="allow")
    assert browser.left_for == ""


def test_the_token_of_the_attackers_own_session_is_refused(server: RunningServer) -> None:
    victim, attacker = at_consent(server), at_consent(server, "parent")
    stolen = dict(attacker.page.forms[-1].fields)["form_token"]
    victim.submit("/auth/consent", form_token=stolen, decision="allow")
    assert victim.left_for == ""
    assert victim.answer.status_code == 400


def test_nobody_is_logged_in_by_a_form_of_another_site(server: RunningServer) -> None:
    browser = Browser(server)
    data = {"username": "zoe", "password": PASSWORD, "next": "access"}
    browser.send("/auth/login", data)
    assert browser.answer.status_code == 400
    assert browser.cookie("auth-login") == ""
    attacker = Browser(server)
    attacker.get("/auth/login")
    stolen = dict(attacker.page.form("/auth/login").fields)["form_token"]
    browser.send("/auth/login", {**data, "form_token": stolen})
    assert browser.cookie("auth-login") == ""


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/auth/logout", {}),
        ("/auth/access", {"grant": "x"}),
        ("/auth/security", {"change": "end-others"}),
        ("/auth/enrol", {"method": "code", "code": "123456"}),
        ("/auth/upstream/none", {}),
        ("/admin/clients", {"client_name": "x"}),
        ("/admin/clients/x", {"change": "disable"}),
    ],
)
@pytest.mark.parametrize("token", FORGED[:2])
def test_every_form_that_changes_something_asks_for_its_token(
    server: RunningServer, path: str, data: dict[str, str], token: str
) -> None:
    browser = Browser(server)
    browser.get("/auth/login?next=clients")
    browser.log_in("administratrice", key=KEY)
    server.inside.accounts.set_totp(_id(server), KEY, 0)
    cookie = browser.cookie("auth-login")
    browser.send(path, {**data, "form_token": token})
    assert browser.answer.status_code in (400, 404)
    assert browser.cookie("auth-login") == cookie
    assert server.inside.logins.sessions.find(cookie) is not None


def _id(server: RunningServer) -> str:
    account = server.inside.accounts.find("administratrice")
    assert account is not None
    return str(account.account_id)


def test_a_get_changes_nothing(server: RunningServer) -> None:
    browser = at_consent(server)
    data = browser.page.form("/auth/consent").data({"decision": "allow"})
    browser.send("/auth/consent", data, "get")
    assert browser.left_for == ""
    assert browser.page.heading == "Carnet de santé demande un accès"
    browser._ask("GET", "/auth/logout")
    assert server.inside.logins.sessions.find(browser.cookie("auth-login")) is not None
