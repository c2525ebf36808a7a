"""Passkeys with an authenticator in software: what is accepted, what a dishonest one tries. WebAuthn 2 §7"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.people.conftest import add_people
from tests.people import Browser, add_account
from tests.running_server import RunningServer, run_server
from tests.software_passkey import USER_PRESENT, SoftwarePasskey


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    settings = {"BASE_URL": "http://localhost:{port}/fhir", "SECOND_FACTOR": "optional"}
    with run_server(mongodb_uri, database_name, **settings) as running:
        add_people(running)
        yield running


def options(browser: Browser) -> dict[str, Any]:
    """What the page hands to the browser for a passkey."""
    found = re.search(r'data-options="([^"]+)"', browser.answer.text)
    assert found is not None
    return dict(json.loads(html.unescape(found[1])))


def send(browser: Browser, path: str, answer: str) -> str:
    form = next(form for form in browser.page.forms if ("method", "passkey") in form.fields)
    return browser.send(path, form.data({"answer": answer, "label": "Clé"})).heading


def enrolling(server: RunningServer, name: str) -> Browser:
    add_account(server, name, fhir_user="Patient/p1", patients=["p1"])
    browser = Browser(server)
    browser.get("/auth/login?next=security")
    browser.log_in(name)
    browser.get("/auth/enrol?next=security")
    return browser


def enrolled(server: RunningServer, name: str) -> SoftwarePasskey:
    """Adds a passkey to a new account and returns it."""
    browser = enrolling(server, name)
    passkey = SoftwarePasskey(browser.origin, "localhost")
    assert send(browser, "/auth/enrol", passkey.create(options(browser))) == "Notez vos codes de secours"
    return passkey


def asked(server: RunningServer, name: str) -> Browser:
    """Logs in up to the question for the passkey."""
    browser = Browser(server)
    browser.get("/auth/login")
    assert browser.log_in(name).heading == "Confirmez que c’est vous"
    return browser


def test_a_passkey_is_added_and_opens_the_account(server: RunningServer) -> None:
    passkey = enrolled(server, "cle-1")
    browser = asked(server, "cle-1")
    assert options(browser)["userVerification"] == "required"
    assert (
        send(browser, "/auth/second-factor", passkey.get(options(browser))) == "Applications qui ont un accès"
    )
    account = server.inside.accounts.find("cle-1")
    assert account is not None
    assert account.passkeys[0].sign_count == 1
    page = browser.get("/auth/security")
    form = next(f for f in page.forms if ("change", "remove-passkey") in f.fields)
    assert "C’est fait" in browser.send("/auth/security", form.data({})).text
    account = server.inside.accounts.find("cle-1")
    assert account is not None
    assert not account.passkeys


@pytest.mark.parametrize(
    "change",
    [{"origin": "http://evil.example"}, {"rp_id": "evil.example"}, {"flags": USER_PRESENT}, {"flags": 0}],
    ids=["origin", "site", "unverified", "absent"],
)
def test_a_passkey_of_another_site_or_of_nobody_is_not_added(
    server: RunningServer, change: dict[str, Any]
) -> None:
    name = f"fausse-{'-'.join(change)}-{change.get('flags', '')}"
    browser = enrolling(server, name)
    passkey = replace(SoftwarePasskey(browser.origin, "localhost"), **change)
    assert send(browser, "/auth/enrol", passkey.create(options(browser))) == "Protégez votre compte"
    account = server.inside.accounts.find(name)
    assert account is not None
    assert not account.passkeys


def test_what_a_dishonest_authenticator_signs_opens_nothing(server: RunningServer) -> None:
    passkey = enrolled(server, "cle-2")
    browser = asked(server, "cle-2")
    first = passkey.get(options(browser))
    assert send(browser, "/auth/second-factor", first) == "Applications qui ont un accès"
    browser = asked(server, "cle-2")
    # The answer of another time, a counter that goes back, another key under the same name, another site.
    attempts = [
        lambda asks: first,
        lambda asks: replace(passkey, count=-1).get(asks),
        lambda asks: replace(
            SoftwarePasskey(browser.origin, "localhost"), credential_id=passkey.credential_id
        ).get(asks),
        lambda asks: replace(passkey, origin="http://evil.example").get(asks),
        lambda asks: replace(passkey, rp_id="evil.example").get(asks),
        lambda asks: replace(passkey, flags=USER_PRESENT).get(asks),
    ]
    rows = server.inside.mongo.collection("login_attempts")
    for attempt in attempts:
        rows.delete_many({})
        assert send(browser, "/auth/second-factor", attempt(options(browser))) == "Confirmez que c’est vous"
        assert browser.answer.status_code == 401
    assert (
        send(browser, "/auth/second-factor", passkey.get(options(browser))) == "Applications qui ont un accès"
    )


@pytest.mark.parametrize(
    "answer",
    ["", "{}", "[]", "null", "x" * 30_000, '{"rawId": 1}', '{"rawId": "AAAA", "response": []}', "[" * 9000],
)
def test_an_answer_that_no_passkey_made_is_refused(server: RunningServer, answer: str) -> None:
    name = f"cle-{abs(hash(answer))}"
    enrolled(server, name)
    browser = asked(server, name)
    assert send(browser, "/auth/second-factor", answer) == "Confirmez que c’est vous"
    browser = enrolling(server, f"{name}-b")
    assert send(browser, "/auth/enrol", answer) == "Protégez votre compte"


def test_without_a_domain_no_passkey_is_offered(mongodb_uri: str, database_name: str) -> None:
    with run_server(mongodb_uri, database_name, SECOND_FACTOR="optional") as by_address:
        browser = enrolling(by_address, "par-adresse")
        assert "data-passkey" not in browser.answer.text
