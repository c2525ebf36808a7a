"""No parameter of a page leads to another site. CWE-601"""

from __future__ import annotations

import pytest

from tests.people import Browser
from tests.running_server import RunningServer

ELSEWHERE = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/auth/login@evil.example",
    "%2f%2fevil.example",
    "clients/../..//evil.example",
    "access\r\nLocation: https://evil.example",
    " https://evil.example",
    "é",
]


@pytest.mark.parametrize("target", ELSEWHERE)
@pytest.mark.parametrize("name", ["next", "request", "redirect_uri", "return", "url", "lang"])
def test_a_login_leads_to_our_own_pages_only(server: RunningServer, target: str, name: str) -> None:
    browser = Browser(server)
    first = browser._ask("GET", "/auth/login", params={name: target})
    browser._follow(first)
    if name == "request":
        assert browser.page.heading == "Cette demande n’est plus valable"
        return
    assert "evil" not in "".join(browser.page.links.values()).replace("%2F", "/") or name == "next"
    browser.log_in("zoe")
    assert browser.left_for == ""
    assert browser.path == "/auth/access"


@pytest.mark.parametrize("target", ELSEWHERE)
@pytest.mark.parametrize("path", ["/auth/consent", "/auth/patient", "/auth/activity", "/auth/upstream/none"])
def test_a_request_that_is_none_leads_nowhere(server: RunningServer, target: str, path: str) -> None:
    browser = Browser(server)
    browser._follow(browser._ask("GET", path, params={"request": target}))
    assert browser.left_for == ""
    assert browser.answer.status_code in (400, 404)
