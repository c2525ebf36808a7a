"""Login through an upstream OpenID provider, against a real one on this machine. OpenID Connect Core §3.1"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.integration.people.conftest import SCOPE, add_people
from tests.people import Browser, Page, add_app, authorize_url, exchange
from tests.running_server import RunningServer, run_server

PSC: dict[str, Any] = {
    "SubjectNameID": "899900000011",
    "given_name": "Anne",
    "family_name": "ESSAI",
    "acr": "eidas1",
    "SubjectRole": ["10^1.2.250.1.213.1.1.5.5"],
    "SubjectRefPro": {
        "exercices": [
            {
                "codeProfession": "10",
                "activities": [
                    {"identifiantTechniqueDeLaStructure": "R1", "raisonSocialeSite": "CABINET DE LA GARE"},
                    {"identifiantTechniqueDeLaStructure": "R2", "raisonSocialeSite": "HOPITAL DU PARC"},
                ],
            }
        ]
    },
}
PEOPLE: dict[str, dict[str, Any]] = {
    "psc-anne": PSC,
    "psc-unknown": PSC | {"SubjectNameID": "899900000999"},
    "psc-weak": PSC | {"acr": "eidas0"},
    "fc-zoe": {"acr": "eidas1", "given_name": "Zoé", "family_name": "ESSAI1", "birthdate": "1980-02-03"},
    "fc-lea": {"acr": "eidas1", "given_name": "Léa", "family_name": "ESSAI2", "birthdate": "1980-02-03"},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A provider that knows PEOPLE; returns its issuer."""
    from oidc_provider_mock import User, run_server_in_thread

    before = os.environ.get("AUTHLIB_INSECURE_TRANSPORT")
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    people = [User(sub=sub, claims=claims) for sub, claims in PEOPLE.items()]
    with run_server_in_thread(require_nonce=True, user_claims=people) as running:
        yield f"http://localhost:{running.server_port}"
    if before is None:
        del os.environ["AUTHLIB_INSECURE_TRANSPORT"]


@pytest.fixture(scope="module")
def server(
    mongodb_uri: str, database_name: str, provider: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    path = tmp_path_factory.mktemp("providers") / "providers.json"
    path.write_text(json.dumps(providers(provider)), "utf-8")
    settings = {"SECOND_FACTOR": "optional", "IDENTITY_PROVIDERS": str(path)}
    with run_server(mongodb_uri, database_name, **settings) as running:
        add_people(running)
        yield running


def providers(issuer: str) -> list[dict[str, Any]]:
    shared = {
        "issuer": issuer,
        "discovery": f"{issuer}/.well-known/openid-configuration",
        "client_id": "dmp",
        "client_secret": "secret",
        "accepted_acr": ["eidas1"],
        "acr_values": "eidas1",
    }
    psc = {"name": "psc", "title": "Pro Santé Connect", "shape": "pro-sante-connect", "two_factors": True}
    fc = {"name": "fc", "title": "FranceConnect", "shape": "franceconnect"}
    return [{**shared, **psc, "scope": "openid profile"}, {**shared, **fc, "scope": "openid profile"}]


def agree(browser: Browser, subject: str) -> Page:
    """Logs in at the provider as a subject and comes back."""
    answer = requests.post(browser.left_for, data={"sub": subject}, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return browser.get(answer.headers["Location"])


def leave(browser: Browser, name: str, request: str = "") -> dict[str, str]:
    """Presses the button of a provider; returns the parameters with which the browser left."""
    browser.left_for = ""
    query = f"?request={request}" if request else ""
    browser.get(f"/auth/upstream/{name}{query}")
    return {key: values[0] for key, values in parse_qs(urlsplit(browser.left_for).query).items()}


def test_a_professional_comes_through_pro_sante_connect_and_chooses_an_activity(
    server: RunningServer,
) -> None:
    scope = "openid fhirUser user/Patient.rs"
    client_id = add_app(server, scope)
    browser = Browser(server)
    page = browser.get(authorize_url(server, client_id, scope))
    browser.get(page.links["S’identifier avec Pro Santé Connect"])
    left = {key: values[0] for key, values in parse_qs(urlsplit(browser.left_for).query).items()}
    assert left["acr_values"] == "eidas1"
    assert left["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge"} <= set(left)
    page = agree(browser, "psc-anne")
    assert page.heading == "Dans quelle activité êtes-vous ?"
    assert "HOPITAL DU PARC" in page.text
    page = browser.submit("/auth/activity", activity="1")
    assert page.heading == "Carnet de santé demande un accès"
    assert "Médecin – HOPITAL DU PARC" in page.text
    browser.submit("/auth/consent", decision="allow")
    token = exchange(server, client_id, browser.returned["code"])
    assert token["scope"].split() == scope.split()


def test_who_has_no_account_is_told_so(server: RunningServer) -> None:
    browser = Browser(server)
    leave(browser, "psc")
    page = agree(browser, "psc-unknown")
    assert page.heading == "Aucun compte ne correspond"
    assert browser.answer.status_code == 403
    assert browser.get("/auth/access").heading == "Connectez-vous"


def test_a_level_of_assurance_that_was_not_agreed_is_refused(server: RunningServer) -> None:
    browser = Browser(server)
    leave(browser, "psc")
    assert agree(browser, "psc-weak").heading == "La connexion n’a pas abouti"


def test_a_patient_links_franceconnect_before_she_comes_through_it(server: RunningServer) -> None:
    browser = Browser(server)
    leave(browser, "fc")
    assert agree(browser, "fc-zoe").heading == "Aucun compte ne correspond"
    browser.get("/auth/login?next=security")
    browser.log_in("zoe")
    browser.left_for = ""
    browser.submit("/auth/upstream/fc")
    assert "Vous pouvez vous connecter avec FranceConnect" in agree(browser, "fc-zoe").text
    other = Browser(server)
    leave(other, "fc")
    page = agree(other, "fc-zoe")
    assert page.heading == "Applications qui ont un accès"
    assert "Zoé Essai1" in page.text
    # A subject belongs to one account.
    thief = Browser(server)
    thief.get("/auth/login?next=security")
    thief.log_in("parent")
    thief.left_for = ""
    thief.submit("/auth/upstream/fc")
    agree(thief, "fc-zoe")
    assert thief.answer.status_code == 409


def test_a_state_belongs_to_one_browser_and_comes_back_once(server: RunningServer) -> None:
    browser, other = Browser(server), Browser(server)
    leave(browser, "psc")
    answer = requests.post(browser.left_for, data={"sub": "psc-anne"}, allow_redirects=False, timeout=10)
    other.get("/auth/login")
    assert other.get(answer.headers["Location"]).heading == "La connexion n’a pas abouti"
    leave(browser, "psc")
    answer = requests.post(browser.left_for, data={"sub": "psc-anne"}, allow_redirects=False, timeout=10)
    assert browser.get(answer.headers["Location"]).heading == "Applications qui ont un accès"
    assert browser.get(answer.headers["Location"]).heading == "La connexion n’a pas abouti"


@pytest.mark.parametrize(
    "query",
    ["", "?state=x&code=y", "?error=access_denied&state=STATE", "?state=STATE", "?state=STATE&code=wrong"],
)
def test_an_answer_without_a_right_code_is_told_on_a_page(server: RunningServer, query: str) -> None:
    browser = Browser(server)
    left = leave(browser, "psc")
    page = browser.get("/auth/upstream/psc/callback" + query.replace("STATE", left["state"]))
    assert page.heading == "La connexion n’a pas abouti"
    assert browser.answer.status_code in (400, 502)


def test_an_answer_in_the_name_of_another_issuer_is_a_mix_up(server: RunningServer) -> None:
    browser = Browser(server)
    leave(browser, "psc")
    answer = requests.post(browser.left_for, data={"sub": "psc-anne"}, allow_redirects=False, timeout=10)
    page = browser.get(answer.headers["Location"] + "&iss=https%3A%2F%2Fevil.example")
    assert page.heading == "La connexion n’a pas abouti"


def test_a_provider_that_does_not_answer_is_told_on_a_page(
    mongodb_uri: str, database_name: str, tmp_path: Path
) -> None:
    path = tmp_path / "providers.json"
    path.write_text(json.dumps(providers("http://127.0.0.1:9")), "utf-8")
    with run_server(mongodb_uri, database_name, IDENTITY_PROVIDERS=str(path)) as running:
        browser = Browser(running)
        assert browser.get("/auth/upstream/psc").heading == "La connexion n’a pas abouti"
        assert browser.answer.status_code == 502
        assert browser.get("/auth/upstream/none").heading == "Cette demande n’est plus valable"


def test_an_app_gets_its_token_after_a_login_elsewhere(server: RunningServer) -> None:
    zoe = server.inside.accounts.find("zoe")
    assert zoe is not None
    issuer = server.app.extensions["fhir_server_people"].upstream.providers["fc"].issuer
    server.inside.accounts.link(zoe.account_id, issuer, "fc-zoe")
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    page = browser.get(authorize_url(server, client_id, SCOPE))
    browser.get(page.links["S’identifier avec FranceConnect"])
    assert agree(browser, "fc-zoe").heading == "Carnet de santé demande un accès"
    browser.submit("/auth/consent", decision="allow")
    assert exchange(server, client_id, browser.returned["code"])["patient"] == "p1"
