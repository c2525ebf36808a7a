"""The SMART JavaScript client (npm fhirclient) launches alone, reads and refreshes, from another origin.

https://docs.smarthealthit.org/client-js/
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import expect

from tests.browser.conftest import SCOPE
from tests.people import PASSWORD, add_app
from tests.running_server import RunningServer

if TYPE_CHECKING:
    from playwright.sync_api import Page


def launch(page: Page, server: RunningServer, app_url: str) -> None:
    """Registers the app and opens it as a person does, up to the consent page."""
    parts = urlsplit(app_url)
    client_id = add_app(server, SCOPE, redirect_uris=[app_url], origins=[f"{parts.scheme}://{parts.netloc}"])
    page.goto(f"{app_url}?{urlencode({'iss': server.base_url, 'client': client_id, 'scope': SCOPE})}")
    page.wait_for_url("**/auth/login?*")
    page.fill("#username", "zoe")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_url("**/auth/consent?*")


def test_the_javascript_client_launches_reads_and_refreshes(
    page: Page, server: RunningServer, app_url: str
) -> None:
    launch(page, server, app_url)
    page.get_by_role("button", name="Autoriser").click()
    expect(page.locator("#state")).to_contain_text("ready ")
    expect(page.locator("#patient")).to_have_text("Essai1")
    assert set((page.locator("#scope").text_content() or "").split()) == set(SCOPE.split())
    first = (page.locator("#state").text_content() or "").removeprefix("ready ")
    page.click("#refresh")
    expect(page.locator("#state")).to_contain_text("refreshed ")
    _, second, patient = (page.locator("#state").text_content() or "").split()
    assert patient == "p1"
    assert second != first


def test_the_javascript_client_is_told_of_a_refusal(page: Page, server: RunningServer, app_url: str) -> None:
    launch(page, server, app_url)
    page.get_by_role("button", name="Refuser").click()
    expect(page.locator("#state")).to_contain_text("failed")
    assert "error=access_denied" in page.url


def test_what_was_unticked_is_not_granted(page: Page, server: RunningServer, app_url: str) -> None:
    launch(page, server, app_url)
    page.get_by_label("Consulter : Résultats d’examens").uncheck()
    page.get_by_label("Garder cet accès").uncheck()
    page.get_by_role("button", name="Autoriser").click()
    expect(page.locator("#state")).to_contain_text("ready ")
    scope = (page.locator("#scope").text_content() or "").split()
    assert "patient/Patient.rs" in scope
    assert not {"patient/Observation.rs", "offline_access"} & set(scope)
