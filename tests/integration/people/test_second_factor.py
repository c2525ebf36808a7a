"""Second factors: enrolment at a first login, codes, recovery codes, removal. OWASP ASVS 5 §6.5"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pyotp
import pytest

from fhir_server.auth.session import TWO_FACTORS
from tests.integration.people.conftest import add_people
from tests.people import Browser, Page, add_account
from tests.running_server import RunningServer, run_server


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """A server that asks everybody for two factors."""
    with run_server(mongodb_uri, database_name, SECOND_FACTOR="required") as running:
        add_people(running)
        yield running


def shown_key(page: Page) -> str:
    found = re.search(r"((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})", page.text)
    assert found is not None
    return found[1].replace(" ", "")


def enrol(server: RunningServer, username: str) -> tuple[Browser, str]:
    """Logs in for the first time; returns the browser on the page of recovery codes, and the key."""
    browser = Browser(server)
    browser.get("/auth/login")
    assert browser.log_in(username).heading == "Protégez votre compte"
    key = shown_key(browser.page)
    browser.submit("/auth/enrol", code=pyotp.TOTP(key).now())
    return browser, key


def test_who_has_no_second_factor_adds_one_at_the_first_login(server: RunningServer) -> None:
    add_account(server, "a", fhir_user="Patient/p1", patients=["p1"])
    browser = Browser(server)
    browser.get("/auth/login")
    browser.log_in("a")
    key = shown_key(browser.page)
    assert browser.get("/auth/access").heading == "Connectez-vous"
    browser.get("/auth/enrol?next=access")
    assert shown_key(browser.page) == key  # the page may be reloaded
    assert browser.submit("/auth/enrol", code="000000").heading == "Protégez votre compte"
    page = browser.submit("/auth/enrol", code=pyotp.TOTP(key).now())
    assert page.heading == "Notez vos codes de secours"
    assert browser.get(page.links["C’est noté, continuer"]).heading == "Applications qui ont un accès"
    account = server.inside.accounts.find("a")
    assert account is not None
    assert len(account.recovery_codes) == 8


def test_a_recovery_code_works_once(server: RunningServer) -> None:
    add_account(server, "b", fhir_user="Patient/p1", patients=["p1"])
    browser, _ = enrol(server, "b")
    code = re.findall(r"\b[a-z2-9]{5}-[a-z2-9]{5}\b", browser.page.text)[0]
    for status in (200, 401):
        other = Browser(server)
        other.get("/auth/login")
        other.log_in("b")
        form = next(f for f in other.page.forms if ("method", "recovery") in f.fields)
        other.send("/auth/second-factor", form.data({"code": code.upper()}))
        assert other.answer.status_code == status
    assert other.page.heading == "Confirmez que c’est vous"


def test_who_has_a_second_factor_cannot_add_another_with_the_password_alone(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get("/auth/login")
    browser.log_in("zoe2")
    assert browser.get("/auth/enrol?next=security").heading == "Confirmez que c’est vous"
    assert browser.path == "/auth/second-factor"
    token = dict(browser.page.forms[0].fields)["form_token"]
    browser.send("/auth/enrol", {"next": "access", "form_token": token, "method": "code", "code": "123456"})
    assert browser.path == "/auth/second-factor"


def test_a_code_from_long_ago_or_of_another_key_is_refused(server: RunningServer) -> None:
    from tests.people import KEY

    browser = Browser(server)
    browser.get("/auth/login")
    browser.log_in("zoe2")
    codes = pyotp.TOTP(KEY)
    for code in (codes.at(time.time() - 120), codes.at(time.time() + 120), "", "12345", "１２３４５６"):
        assert browser.submit("/auth/second-factor", code=code).heading == "Confirmez que c’est vous"
        assert browser.answer.status_code == 401


def test_the_last_second_factor_stays_while_one_is_required(server: RunningServer) -> None:
    add_account(server, "c", fhir_user="Patient/p1", patients=["p1"])
    browser, _ = enrol(server, "c")
    page = browser.get("/auth/security")
    assert "Il vous reste 8 codes de secours" in page.text
    form = next(f for f in page.forms if ("change", "remove-codes") in f.fields)
    refused = browser.send("/auth/security", form.data({}))
    assert "le dernier qui reste" in refused.text
    form = next(f for f in refused.forms if ("change", "recovery-codes") in f.fields)
    assert browser.send("/auth/security", form.data({})).heading == "Notez vos codes de secours"


def test_a_changed_password_ends_the_logins_of_other_browsers(server: RunningServer) -> None:
    add_account(server, "d", fhir_user="Patient/p1", patients=["p1"])
    browser, key = enrol(server, "d")
    account = server.inside.accounts.find("d")
    assert account is not None
    server.inside.accounts.set_totp(account.account_id, key, 0)  # another code of this half minute
    other = Browser(server)
    other.get("/auth/login")
    assert other.log_in("d", key=key).heading == "Applications qui ont un accès"
    page = browser.get("/auth/security")
    form = next(f for f in page.forms if ("change", "password") in f.fields)
    new = "une autre suite de mots"
    assert "C’est fait" in browser.send("/auth/security", form.data({"password": new, "repeated": new})).text
    assert other.get("/auth/access").heading == "Connectez-vous"


def test_a_session_with_two_factors_says_so(server: RunningServer) -> None:
    add_account(server, "e", fhir_user="Patient/p1", patients=["p1"])
    browser, _ = enrol(server, "e")
    with server.app.test_request_context(headers={"Cookie": f"auth-login={browser.cookie('auth-login')}"}):
        from flask import request

        from fhir_server.auth.session import current_login

        login = current_login(request)
    assert login is not None
    assert login.acr == TWO_FACTORS
    assert login.amr == ("pwd", "otp", "mfa")
    assert login.has_two_factors
