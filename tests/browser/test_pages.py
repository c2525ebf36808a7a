"""Pages on a phone and on a desk: readable, by keyboard, labelled; and without JavaScript. RGAA 4.1"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCOPE, SECONDS, SIZES, origin
from tests.people import KEY, PASSWORD, add_account, add_app, authorize_url
from tests.running_server import RunningServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CONTRAST = """() => {
  const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const colour = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const found = colour(getComputedStyle(e).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility() || e.matches(".unseen, .unseen *, .skip")) continue;
    const both = [light(colour(getComputedStyle(e).color)), light(ground(e))];
    const [a, b] = both.sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(e.textContent.trim().slice(0, 40));
  }
  return low;
}"""
UNLABELLED = """() => [...document.querySelectorAll("input:not([type=hidden]), textarea, select")]
  .filter((e) => !e.labels.length && !e.getAttribute("aria-label") && !e.matches("[aria-hidden=true]"))
  .map((e) => e.name)"""
SMALL = """() => [...document.querySelectorAll("button, .button, .field input")]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24)
  .map((e) => e.textContent)"""


def check(page: Page) -> None:
    """What every page must be."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    assert page.locator("html").get_attribute("lang") == "fr"
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("main")).to_have_count(1)
    assert page.title().endswith("Dossier médical partagé")
    assert page.evaluate(UNLABELLED) == []
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(SMALL) == []


def log_in(page: Page, username: str) -> None:
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Se connecter").click()


def test_every_page_on_the_way_to_an_app_is_accessible(page: Page, server: RunningServer) -> None:
    page.goto(authorize_url(server, add_app(server, SCOPE), SCOPE))
    check(page)
    page.fill("#username", "parent")
    page.fill("#password", "wrong")
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)
    log_in(page, "parent")
    expect(page.get_by_role("heading", level=1)).to_have_text("Quel dossier ?")
    check(page)
    page.get_by_label("Léa ESSAI2").check()
    page.get_by_role("button", name="Ouvrir ce dossier").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("demande un accès")
    check(page)


def test_the_pages_of_an_account_are_accessible(page: Page, server: RunningServer) -> None:
    name = f"acces-{len(server.inside.accounts.all())}"
    add_account(server, name, "administrator", totp_key=KEY)
    add_app(server, SCOPE)
    page.goto("/auth/login?next=clients")
    log_in(page, name)
    check(page)
    page.get_by_label("Code à 6 chiffres").fill(pyotp.TOTP(KEY).now())
    page.get_by_role("button", name="Vérifier").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Registre des clients")
    check(page)
    for path in ("/admin/clients?new=1", "/auth/access", "/auth/security", "/auth/enrol?next=security"):
        page.goto(path)
        check(page)
    page.goto("/auth/consent?request=none")
    check(page)


def test_the_page_of_an_emergency_is_accessible(page: Page, server: RunningServer) -> None:
    name, scope = f"urgence-{len(server.inside.accounts.all())}", "openid user/*.rs"
    activity = {"role": "10", "role_display": "Médecin", "organization": "", "organization_display": ""}
    more = {"fhir_user": f"Practitioner/{name}", "activities": [activity], "totp_key": KEY}
    add_account(server, name, "professional", **more)
    page.goto(authorize_url(server, add_app(server, scope), scope, purpose_of_use="BTG"))
    log_in(page, name)
    page.get_by_label("Code à 6 chiffres").fill(pyotp.TOTP(KEY).now())
    page.get_by_role("button", name="Vérifier").click()
    page.get_by_label("Numéro INS du patient").fill("2800299000101")
    page.get_by_role("button", name="Rechercher").click()
    page.get_by_role("button", name="Ouvrir ce dossier").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("bris de glace")
    check(page)


def test_a_person_logs_in_with_the_keyboard_alone(page: Page) -> None:
    page.goto("/auth/login")
    # Chromium gives `autofocus` its field when it paints, which may be after the page has loaded.
    expect(page.get_by_label("Identifiant")).to_be_focused()
    page.keyboard.type("zoe")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Applications qui ont un accès")
    page.wait_for_load_state()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au contenu")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


@pytest.fixture(params=list(SIZES))
def plain_page(chromium: Browser, server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A browser in which no script runs."""
    context = chromium.new_context(
        viewport=SIZES[request.param], locale="fr-FR", base_url=origin(server), java_script_enabled=False
    )
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    yield page
    context.close()


def test_everything_but_passkeys_works_without_javascript(plain_page: Page, server: RunningServer) -> None:
    page, name = plain_page, f"sans-script-{len(server.inside.accounts.all())}"
    add_account(server, name, fhir_user="Patient/p1", patients=["p1"], totp_key=KEY)
    page.route("http://127.0.0.1:9/**", lambda route: route.fulfill(body="back in the app"))
    page.goto(authorize_url(server, add_app(server, SCOPE), SCOPE))
    log_in(page, name)
    page.get_by_label("Code à 6 chiffres").fill(pyotp.TOTP(KEY).now())
    page.get_by_role("button", name="Vérifier").click()
    page.get_by_role("button", name="Autoriser").click()
    page.wait_for_url("http://127.0.0.1:9/callback?code=*")
    page.goto("/auth/access")
    page.get_by_role("button", name="Retirer l’accès").click()
    expect(page.get_by_role("status")).to_contain_text("L’accès est retiré")
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connectez-vous")
