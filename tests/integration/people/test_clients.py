"""The administrator's registry: approve, edit, disable, new secrets; and nobody else's. RFC 7591"""

from __future__ import annotations

import re
import time

import pyotp
import pytest
import requests

from tests.integration.people.conftest import SCOPE
from tests.people import KEY, Browser, add_account, add_app
from tests.running_server import RunningServer


@pytest.fixture(scope="module")
def administrator(server: RunningServer) -> Browser:
    browser = Browser(server)
    browser.get("/auth/login?next=clients")
    assert browser.log_in("administratrice", key=KEY).heading == "Registre des clients"
    return browser


def status(server: RunningServer, client_id: str) -> str:
    row = server.inside.oauth.clients.find(client_id)
    assert row is not None
    return str(row.status)


def test_an_app_that_registered_itself_waits_for_approval(
    server: RunningServer, administrator: Browser
) -> None:
    document = {
        "client_name": "Nouvelle application",
        "redirect_uris": ["https://new.example/cb"],
        "token_endpoint_auth_method": "none",
        "scope": SCOPE,
    }
    answer = requests.post(f"{administrator.origin}/auth/register", json=document, timeout=30)
    client_id = answer.json()["client_id"]
    assert status(server, client_id) == "pending"
    page = administrator.get("/admin/clients")
    assert "à approuver" in page.text
    page = administrator.get(page.links["Nouvelle application"])
    path = f"/admin/clients/{client_id}"
    assert administrator.submit(path, change="approve") is not None
    assert status(server, client_id) == "active"
    administrator.submit(path, change="disable")
    assert status(server, client_id) == "disabled"


def test_a_client_is_added_edited_and_gets_secrets_that_are_shown_once(
    server: RunningServer, administrator: Browser
) -> None:
    administrator.get("/admin/clients?new=1")
    page = administrator.submit(
        "/admin/clients",
        client_name="Logiciel",
        redirect_uris="https://a.example/cb\r\nhttps://b.example/cb",
        scope="openid patient/*.rs",
        token_endpoint_auth_method="client_secret_basic",
        profile="standard",
    )
    secret = re.search(r"seule fois :\s*(\S{43})", page.text)
    assert secret is not None
    row = next(c for c in server.inside.oauth.clients.list() if c.name == "Logiciel")
    assert list(row.redirect_uris) == ["https://a.example/cb", "https://b.example/cb"]
    assert row.check_secret(secret[1])
    path = f"/admin/clients/{row.client_id}"
    page = administrator.get(path)
    assert secret[1] not in page.text
    edit = page.forms[-1]
    method = {"token_endpoint_auth_method": "client_secret_basic", "profile": "standard"}
    page = administrator.send(path, edit.data({"client_name": "Logiciel 2", **method}))
    assert "C’est enregistré" in page.text
    page = administrator.send(path, page.forms[-2].data({"change": "rotate"}))
    second = re.search(r"seule fois :\s*(\S{43})", page.text)
    assert second is not None
    row = server.inside.oauth.clients.find(row.client_id)
    assert row is not None
    assert row.name == "Logiciel 2"
    assert row.check_secret(second[1])
    assert row.check_secret(secret[1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"redirect_uris": "javascript:alert(1)"},
        {"redirect_uris": "http://evil.example/cb"},
        {"client_name": ""},
        {"scope": "patient/Nothing.rs"},
        {"token_endpoint_auth_method": "magic"},
        {"profile": "magic"},
        {"jwks": "[[["},
        {"jwks": "[" * 5000},
        {"policy_uri": "javascript:alert(1)"},
    ],
)
def test_what_is_wrong_is_refused_and_said(
    server: RunningServer, administrator: Browser, wrong: dict[str, str]
) -> None:
    before = len(server.inside.oauth.clients.list())
    administrator.get("/admin/clients?new=1")
    right = {
        "client_name": "Essai",
        "redirect_uris": "https://a.example/cb",
        "scope": "openid",
        "token_endpoint_auth_method": "none",
        "profile": "standard",
    }
    page = administrator.submit("/admin/clients", **{**right, **wrong})
    assert administrator.answer.status_code == 400
    assert "Refusé" in page.text
    assert len(server.inside.oauth.clients.list()) == before


def test_nobody_but_an_administrator_comes_in(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    stranger = Browser(server)
    assert stranger.get("/admin/clients").heading == "Connectez-vous"
    assert stranger.get(f"/admin/clients/{client_id}").heading == "Connectez-vous"
    browser = Browser(server)
    browser.get("/auth/login?next=clients")
    assert browser.log_in("zoe").heading == "Cette page ne vous est pas ouverte"
    assert browser.answer.status_code == 403
    for path in ("/admin/clients", f"/admin/clients/{client_id}", "/admin/clients/unknown"):
        browser.get(path)
        assert browser.answer.status_code == 403
    token = dict(browser.page.forms[0].fields)["form_token"]
    browser.send(f"/admin/clients/{client_id}", {"next": "clients", "form_token": token, "change": "disable"})
    assert status(server, client_id) == "active"


def test_an_administrator_is_asked_again_after_ten_minutes(server: RunningServer) -> None:
    add_account(server, "autre-admin", "administrator", totp_key=KEY)
    browser = Browser(server)
    browser.get("/auth/login?next=clients")
    browser.log_in("autre-admin", key=KEY)
    account = server.inside.accounts.find("autre-admin")
    assert account is not None
    row = server.inside.logins.sessions.find(browser.cookie("auth-login"))
    assert row is not None
    row.auth_time = row.auth_time.fromtimestamp(time.time() - 601, row.auth_time.tzinfo)
    server.inside.logins.sessions.change(row, {"set__auth_time": row.auth_time})
    assert browser.get("/admin/clients").heading == "Connectez-vous"
    server.inside.accounts.set_totp(account.account_id, KEY, 0)
    assert browser.log_in("autre-admin").heading == "Confirmez que c’est vous"
    assert browser.submit("/auth/second-factor", code=pyotp.TOTP(KEY).now()).heading == "Registre des clients"
