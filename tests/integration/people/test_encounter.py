"""An app that starts alone asks launch/encounter: an encounter of the record is chosen, or none."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.people.conftest import add_people
from tests.people import Browser, add_app, authorize_url, exchange
from tests.running_server import RunningServer, run_server

SCOPE = "openid launch/patient launch/encounter patient/Encounter.rs"
WHERE = "/auth/encounter"


def add_encounter(server: RunningServer, encounter_id: str, patient: str, **fields: Any) -> None:
    """Stores an Encounter of a patient."""
    resource = {
        "resourceType": "Encounter",
        "id": encounter_id,
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
        **fields,
    }
    assert server.client().put(f"Encounter/{encounter_id}", resource).status_code == 201


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """The people, of whom Zoé has three encounters, Léa one, Tom none."""
    with run_server(mongodb_uri, database_name, SECOND_FACTOR="optional") as running:
        add_people(running)
        add_encounter(running, "old", "p1", period={"start": "2019-02-08", "end": "2019-02-14"})
        add_encounter(running, "new", "p1", period={"start": "2026-01-05T09:00:00Z"})
        add_encounter(running, "mid", "p1", period={"start": "2022-06"}, reasonCode=[{"text": "Toux"}])
        add_encounter(running, "hers", "p2", period={"start": "2025-03-01"})
        yield running


def ask(
    server: RunningServer, username: str, scope: str = SCOPE, language: str = "fr"
) -> tuple[Browser, str]:
    """Begins at an app and logs in."""
    client_id = add_app(server, scope)
    browser = Browser(server, language)
    browser.get(authorize_url(server, client_id, scope))
    browser.log_in(username)
    return browser, client_id


def ids(browser: Browser) -> list[str]:
    return [value for _, value in browser.page.form(WHERE).choices]


def test_the_newest_encounter_comes_first_and_the_chosen_one_reaches_the_app(server: RunningServer) -> None:
    browser, client_id = ask(server, "zoe")
    assert browser.page.heading == "Quelle consultation ou quel séjour ?"
    assert ids(browser) == ["new", "mid", "old", "/"]
    assert "05/01/2026" in browser.page.text
    assert "du 08/02/2019 au 14/02/2019" in browser.page.text
    assert "Toux" in browser.page.text
    page = browser.submit(WHERE, encounter="old")
    assert page.heading == "Carnet de santé demande un accès"
    assert "du 08/02/2019 au 14/02/2019" in page.text
    browser.submit("/auth/consent", decision="allow")
    answer = exchange(server, client_id, browser.returned["code"])
    assert (answer["patient"], answer["encounter"]) == ("p1", "old")


def test_no_encounter_is_a_choice_too(server: RunningServer) -> None:
    browser, client_id = ask(server, "zoe")
    browser.submit(WHERE, encounter="/")
    browser.submit("/auth/consent", decision="allow")
    answer = exchange(server, client_id, browser.returned["code"])
    assert answer["patient"] == "p1"
    assert "encounter" not in answer


@pytest.mark.parametrize("wrong", ["hers", "nothing", "", "../old", "old,new", "x" * 100, "old|new", "é"])
def test_only_an_encounter_of_the_record_can_be_chosen(server: RunningServer, wrong: str) -> None:
    browser, _ = ask(server, "zoe")
    browser.submit(WHERE, encounter=wrong)
    assert browser.answer.status_code == 400
    assert browser.path == WHERE
    assert ids(browser) == ["new", "mid", "old", "/"]


def test_another_record_asks_for_its_own_encounter(server: RunningServer) -> None:
    browser, client_id = ask(server, "parent")
    browser.submit("/auth/patient", patient="p2")
    assert ids(browser) == ["hers", "/"]
    page = browser.submit(WHERE, encounter="hers")
    browser.get(page.links["Changer"])
    assert browser.submit("/auth/patient", patient="p3").heading == "Carnet de santé demande un accès"
    browser.submit("/auth/consent", decision="allow")
    answer = exchange(server, client_id, browser.returned["code"])
    assert answer["patient"] == "p3"
    assert "encounter" not in answer


def test_the_choice_can_be_changed_from_the_consent_page(server: RunningServer) -> None:
    browser, client_id = ask(server, "zoe")
    page = browser.submit(WHERE, encounter="old")
    browser.get(page.links["Changer de consultation"])
    browser.submit(WHERE, encounter="new")
    browser.submit("/auth/consent", decision="allow")
    assert exchange(server, client_id, browser.returned["code"])["encounter"] == "new"


def test_an_encounter_that_went_away_meanwhile_is_not_told(server: RunningServer) -> None:
    add_encounter(server, "brief", "p1", period={"start": "2026-05-05"})
    browser, _ = ask(server, "zoe")
    browser.submit(WHERE, encounter="brief")
    assert server.client().delete("Encounter/brief").status_code in (200, 204)
    browser.submit("/auth/consent", decision="allow")
    assert browser.returned["error"] == "access_denied"


def test_a_professional_chooses_with_her_own_rights_and_leaves_a_trace(server: RunningServer) -> None:
    browser, client_id = ask(server, "medecin", "openid launch/encounter user/Encounter.rs")
    browser.submit("/auth/activity", activity="0")
    page = browser.submit("/auth/patient", search="2800299000101")
    browser.send("/auth/patient", page.forms[-1].data({"patient": "p1"}))
    browser.submit(WHERE, encounter="mid")
    browser.submit("/auth/consent", decision="allow")
    assert exchange(server, client_id, browser.returned["code"])["encounter"] == "mid"
    trail = server.client().get("AuditEvent?patient=p1&agent=Practitioner/dr&_count=50").json()
    entities = [one for entry in trail["entry"] for one in entry["resource"]["entity"] if "query" in one]
    assert any("_id=mid" in base64.b64decode(one["query"]).decode() for one in entities)


def test_the_page_speaks_english(server: RunningServer) -> None:
    browser, _ = ask(server, "zoe", language="en")
    assert browser.page.heading == "Which visit or stay?"
    assert "Consultation" in browser.page.text
    assert "None in particular" in browser.page.text


def test_consent_does_not_come_before_the_encounter(server: RunningServer) -> None:
    browser, _ = ask(server, "zoe")
    address = browser.answer.url.replace("/encounter?", "/consent?")
    assert browser.get(address).heading == "Quelle consultation ou quel séjour ?"


def test_without_a_page_no_encounter_can_be_chosen(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE))
    browser.log_in("zoe")
    browser.submit(WHERE, encounter="new")
    browser.submit("/auth/consent", decision="allow", remember="always")
    browser.get(authorize_url(server, client_id, SCOPE, prompt="none"))
    assert browser.returned["error"] == "interaction_required"
