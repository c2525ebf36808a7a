"""The sample app of the demonstration, from its first page to the end of its access."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from fhir_server.cli.demo_people import load_people
from seed_data.content.manifest import CLIENTS
from tests.browser.conftest import origin
from tests.people import PASSWORD
from tests.running_server import RunningServer

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(autouse=True, scope="module")
def _sample_app(server: RunningServer) -> None:
    load_people(server.inside, {"accounts": [], "clients": CLIENTS}, origin(server))


def to_consent(page: Page, username: str) -> None:
    page.goto("/sample-app/")
    page.get_by_role("button", name="Ouvrir mon dossier").click()
    page.wait_for_url("**/auth/login?*")
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Se connecter").click()


def test_a_person_opens_her_record_renews_and_ends_the_access(page: Page, server: RunningServer) -> None:
    to_consent(page, "zoe")
    page.get_by_label("Consulter : Vaccinations").uncheck()
    page.get_by_role("button", name="Autoriser").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("Zoé Essai1")
    expect(page.get_by_role("heading", name="Allergies")).to_be_visible()
    expect(page.get_by_role("heading", name="Vaccinations")).to_have_count(0)
    page.get_by_role("button", name="Renouveler").click()
    expect(page.get_by_role("status")).to_have_text("Accès renouvelé.")
    page.goto("/auth/access")
    while page.get_by_role("button", name="Retirer l’accès").count():
        page.get_by_role("button", name="Retirer l’accès").first.click()
    expect(page.get_by_text("Aucune application n’a d’accès")).to_be_visible()
    # The access token that the app still keeps has ended with the access.
    page.goto("/sample-app/")
    expect(page.get_by_role("status")).to_contain_text("401")
    expect(page.get_by_role("button", name="Ouvrir mon dossier")).to_be_visible()
    expect(page.get_by_role("button", name="Renouveler")).to_be_hidden()


def test_a_refusal_is_told_in_the_app(page: Page) -> None:
    to_consent(page, "zoe")
    page.get_by_role("button", name="Refuser").click()
    expect(page.get_by_role("status")).to_contain_text("access_denied")
    expect(page.get_by_role("button", name="Ouvrir mon dossier")).to_be_visible()
