"""Passkeys with Chromium's virtual authenticator. https://www.w3.org/TR/webauthn-2/#sctn-automation"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD, add_account
from tests.running_server import RunningServer

if TYPE_CHECKING:
    from playwright.sync_api import Page


def plug_in(page: Page, **options: Any) -> None:
    """Gives the browser an authenticator that verifies its person."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
        **options,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})


def log_in(page: Page, username: str, target: str = "security") -> None:
    page.goto(f"/auth/login?next={target}")
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Se connecter").click()


def add_passkey(page: Page) -> None:
    page.get_by_role("link", name="Ajouter un moyen").click()
    page.get_by_label("Nom de cette clé").fill("Mon téléphone")
    page.get_by_role("button", name="Ajouter une clé d’accès").click()


def test_a_passkey_is_added_used_and_removed(page: Page, server: RunningServer) -> None:
    name = f"passkey-{len(server.inside.accounts.all())}"
    add_account(server, name, fhir_user="Patient/p1", patients=["p1"])
    plug_in(page)
    log_in(page, name)
    add_passkey(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Notez vos codes de secours")
    page.get_by_role("link", name="C’est noté").click()
    expect(page.get_by_text("Clé d’accès « Mon téléphone »")).to_be_visible()
    page.get_by_role("button", name="Se déconnecter").click()
    log_in(page, name, "access")
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirmez que c’est vous")
    page.get_by_role("button", name="Utiliser ma clé d’accès").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Applications qui ont un accès")
    account = server.inside.accounts.find(name)
    assert account is not None
    assert account.passkeys[0].sign_count > 0
    page.get_by_role("link", name="Sécurité").click()
    page.get_by_role("button", name=re.compile("Retirer.*Mon téléphone")).click()
    expect(page.get_by_text("protégé que par un mot de passe")).to_be_visible()


def test_an_authenticator_that_verifies_nobody_is_refused(page: Page, server: RunningServer) -> None:
    name = f"unverified-{len(server.inside.accounts.all())}"
    add_account(server, name, fhir_user="Patient/p1", patients=["p1"])
    plug_in(page, hasUserVerification=False, isUserVerified=False)
    log_in(page, name)
    add_passkey(page)
    expect(page.locator("[data-problem]")).to_be_visible()
    account = server.inside.accounts.find(name)
    assert account is not None
    assert not account.passkeys


@pytest.mark.parametrize(
    "answer",
    ["", "{}", "[]", "null", "x" * 30_000, '{"rawId": 1}', '{"rawId": "AAAA", "response": []}', "[" * 9000],
)
def test_an_answer_that_no_passkey_made_is_refused(page: Page, server: RunningServer, answer: str) -> None:
    name = f"hostile-{len(server.inside.accounts.all())}"
    add_account(server, name, fhir_user="Patient/p1", patients=["p1"])
    log_in(page, name)
    page.get_by_role("link", name="Ajouter un moyen").click()
    page.evaluate(
        "(answer) => { const f = document.querySelector('form[data-passkey]');"
        " f.elements.answer.value = answer; f.elements.label.value = 'x'; f.submit(); }",
        answer,
    )
    expect(page.get_by_role("alert")).to_contain_text("Cela n’a pas fonctionné")
