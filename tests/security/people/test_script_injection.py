"""What strangers name themselves is text on our pages. CWE-79"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from tests.integration.people.conftest import SCOPE
from tests.people import KEY, Browser, add_account, add_app, authorize_url
from tests.running_server import RunningServer

SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{ 7*7 }}{% raw %}",
    "%(name)s %s %d {0}",
    "</title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "\u202egnihton",
]


class Elements(HTMLParser):
    """Every element of a page with its attributes, as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def check(browser: Browser) -> None:
    """Nothing of a payload has become an element, an attribute or an address."""
    assert not re.search(r"\b49\b", browser.page.text)
    for tag, attributes in Elements(browser.answer.text).found:
        assert tag not in ("svg", "iframe", "object", "style", "base")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action", "formaction"):
            address = attributes.get(name, "/")
            assert address.startswith(("/", "#", "?", "data:image/svg+xml;base64,")), (tag, address)
            assert not address.startswith("//")
        assert tag != "script" or attributes["src"].startswith("/auth/static/")


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_name_and_addresses_of_an_app_are_text(server: RunningServer, script: str) -> None:
    client_id = add_app(server, SCOPE, name=script, client_uri=script, policy_uri=script)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE, state=f"{script:*<24}", login_hint=script))
    check(browser)
    browser.log_in("zoe")
    assert script in browser.page.text or "%" in script or "{" in script
    check(browser)
    browser.submit("/auth/consent", decision="allow")
    browser.get("/auth/access")
    check(browser)


@pytest.mark.parametrize("script", SCRIPTS)
def test_names_of_people_and_what_they_type_are_text(server: RunningServer, script: str) -> None:
    name = f"x{abs(hash(script))}"
    add_account(server, name, fhir_user="Patient/p1", patients=["p1"], display=script)
    browser = Browser(server)
    browser.get("/auth/login")
    browser.log_in(script)
    check(browser)
    browser.log_in(name)
    check(browser)
    query = urlencode({"next": script, "lang": script, "search": script})
    for path in (f"/auth/login?again=1&{query}", f"/auth/access?{query}", f"/auth/consent?request={query}"):
        browser.get(path)
        check(browser)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_registry_shows_what_apps_say_as_text(server: RunningServer, script: str) -> None:
    client_id = add_app(server, script, name=script, jwks={"keys": [{"kid": script}]})
    account = server.inside.accounts.find("administratrice")
    assert account is not None
    server.inside.accounts.set_totp(account.account_id, KEY, 0)
    browser = Browser(server)
    browser.get("/auth/login?next=clients")
    browser.log_in("administratrice", key=KEY)
    check(browser)
    browser.get(f"/admin/clients/{client_id}")
    assert browser.answer.status_code == 200
    check(browser)
    browser.get("/admin/clients/" + script.replace("/", "%2F"))
    check(browser)
