"""No page can be framed, sniffed, cached, or made to run a script of others. CWE-1021, OWASP ASVS 5 §3.4"""

from __future__ import annotations

import re

import pytest

from fhir_server.auth.pages.page import HERE
from tests.integration.people.conftest import SCOPE
from tests.people import Browser, add_app, authorize_url
from tests.running_server import RunningServer

PAGES = [
    "/auth/login",
    "/auth/login?request=unknown",
    "/auth/second-factor",
    "/auth/new-password",
    "/auth/enrol",
    "/auth/activity",
    "/auth/patient",
    "/auth/consent",
    "/auth/access",
    "/auth/security",
    "/auth/upstream/none",
    "/auth/upstream/none/callback",
    "/auth/static/none",
    "/admin/clients",
    "/admin/clients/x",
]


def check_headers(browser: Browser, form_action: str = "'self'") -> None:
    headers = browser.answer.headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == form_action
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Server" not in headers or "fhir" not in headers["Server"].lower()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_the_headers_for_everybody(server: RunningServer, path: str) -> None:
    browser = Browser(server)
    browser.get(path)
    check_headers(browser)


def test_the_pages_of_a_request_may_lead_to_its_app_and_nowhere_else(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    check_headers(browser, "'self' http://127.0.0.1:9")
    browser.log_in("zoe")
    check_headers(browser, "'self' http://127.0.0.1:9")
    assert browser.page.heading == "Carnet de santé demande un accès"


def test_an_app_with_a_scheme_of_its_own_is_led_to_by_scheme(server: RunningServer) -> None:
    uri = "fr.example.carnet:/callback"
    client_id = add_app(server, SCOPE, redirect_uris=[uri])
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE, redirect_uri=uri))
    check_headers(browser, "'self' fr.example.carnet:")


def test_redirects_are_neither_kept_nor_told_to_the_next_site(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    browser.log_in("zoe")
    browser.submit("/auth/consent", decision="deny")
    assert browser.left_for
    check_headers(
        browser, browser.answer.headers["Content-Security-Policy"].split("form-action ")[1].split(";")[0]
    )


def test_no_template_has_an_inline_script_style_or_foreign_address() -> None:
    for path in (HERE / "templates").glob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path.name
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", text), path.name
        assert not re.search(r"(?:src|href|action)=\"https?:", text), path.name
        assert "|safe" not in text, path.name


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get("/auth/login")
    set_by = [browser.answer.headers["Set-Cookie"]]
    answer = browser._ask(
        "POST",
        "/auth/login",
        data=browser.page.form("/auth/login").data({"username": "zoe", "password": "x"}),
    )
    assert "auth-login" not in answer.headers.get("Set-Cookie", "")
    for cookie in set_by:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie


def test_behind_https_cookies_are_secure_and_bound_to_the_host(server: RunningServer) -> None:
    from flask import Response

    from fhir_server.auth.session import Logins

    inside = server.inside
    logins = Logins(inside.accounts, inside.logins.sessions, "https://auth.example", lambda: b"k")
    with server.app.test_request_context():
        from flask import request

        logins.browser(request)
        cookie = logins.set_cookies(Response()).headers["Set-Cookie"]
    assert cookie.startswith("__Host-auth-browser=")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert "Path=/;" in cookie
