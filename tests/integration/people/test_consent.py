"""The way to consent: records, activities, steps that cannot be skipped, and who answers a request."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.people.conftest import SCOPE
from tests.people import KEY, Browser, add_account, add_app, authorize_url, exchange
from tests.running_server import RunningServer


def request_id(browser: Browser) -> str:
    return parse_qs(urlsplit(browser.answer.url).query)["request"][0]


def test_who_opens_several_records_chooses_one(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE))
    page = browser.log_in("parent")
    assert page.heading == "Quel dossier ?"
    assert page.form("/auth/patient").choices == [("patient", "p2"), ("patient", "p3")]
    assert "Léa ESSAI2" in page.text
    page = browser.submit("/auth/patient", patient="p3")
    assert "Dans le dossier de Tom ESSAI3" in page.text
    page = browser.get(page.links["Changer"])
    browser.submit("/auth/patient", patient="p2")
    browser.submit("/auth/consent", decision="allow")
    assert exchange(server, client_id, browser.returned["code"])["patient"] == "p2"


@pytest.mark.parametrize("chosen", ["p1", "nobody", "", "../p2", "p2'||1"])
def test_a_record_of_somebody_else_cannot_be_chosen(server: RunningServer, chosen: str) -> None:
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    browser.log_in("parent")
    page = browser.submit("/auth/patient", patient=chosen)
    assert page.heading == "Quel dossier ?"
    assert browser.answer.status_code == 400


def test_a_page_cannot_be_reached_before_the_one_ahead_of_it(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    request = request_id(browser)
    for page in ("activity", "patient", "consent"):
        assert browser.get(f"/auth/{page}?request={request}").heading == "Connectez-vous"
    browser.log_in("parent")
    assert browser.get(f"/auth/consent?request={request}").heading == "Quel dossier ?"
    data = dict(browser.page.forms[-1].fields) | {"decision": "allow", "scope": "patient/Patient.rs"}
    browser.send("/auth/consent", data)
    assert browser.path == "/auth/patient"
    assert browser.left_for == ""


def test_a_professional_chooses_activity_then_consents(server: RunningServer) -> None:
    scope = "openid user/Patient.rs"
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, scope), scope))
    assert browser.log_in("medecin").heading == "Dans quelle activité êtes-vous ?"
    for wrong in ("2", "-1", "x", "99999", ""):
        assert browser.submit("/auth/activity", activity=wrong).heading == "Dans quelle activité êtes-vous ?"
    page = browser.submit("/auth/activity", activity="1")
    assert page.heading == "Carnet de santé demande un accès"
    assert "Médecin – Hôpital" in page.text
    assert "Dans tous les dossiers auxquels vous avez accès" in page.text


def test_a_request_belongs_to_the_browser_that_logged_in_with_it(server: RunningServer) -> None:
    first, second = Browser(server), Browser(server)
    first.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    request = request_id(first)
    first.log_in("zoe")
    second.get(f"/auth/login?request={request}")
    assert second.log_in("parent").heading == "Cette demande n’est plus valable"
    assert first.submit("/auth/consent", decision="allow") is not None
    assert "code" in first.returned


def test_another_person_takes_the_request_over_after_logout(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE))
    browser.log_in("zoe")
    assert browser.submit("/auth/logout").heading == "Connectez-vous"
    page = browser.log_in("parent")
    assert page.heading == "Quel dossier ?"
    browser.submit("/auth/patient", patient="p3")
    browser.submit("/auth/consent", decision="allow")
    assert exchange(server, client_id, browser.returned["code"])["patient"] == "p3"


def test_a_request_is_answered_once(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    browser.log_in("zoe")
    data = browser.page.form("/auth/consent").data({"decision": "allow"})
    browser.send("/auth/consent", data)
    assert "code" in browser.returned
    browser.left_for = ""
    assert browser.send("/auth/consent", data).heading == "Cette demande n’est plus valable"
    assert browser.left_for == ""


def test_nothing_ticked_is_asked_again(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    browser.log_in("zoe")
    page = browser.submit("/auth/consent", scope=None, decision="allow")
    assert "Rien n’est coché" in page.text
    assert browser.left_for == ""


def test_scopes_that_were_not_asked_cannot_be_granted(server: RunningServer) -> None:
    client_id = add_app(server, "patient/*.cruds openid")
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, "openid patient/Patient.r"))
    browser.log_in("zoe")
    browser.submit("/auth/consent", scope=["patient/Patient.r", "patient/*.cruds"], decision="allow")
    scope = exchange(server, client_id, browser.returned["code"])["scope"].split()
    assert "patient/Patient.r" in scope
    assert not [one for one in scope if "*" in one]


def test_the_app_may_ask_for_a_new_login(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE))
    browser.log_in("zoe")
    assert browser.get(authorize_url(server, client_id, SCOPE)).heading == "Carnet de santé demande un accès"
    assert browser.get(authorize_url(server, client_id, SCOPE, prompt="login")).heading == "Connectez-vous"
    assert browser.log_in("zoe").heading == "Carnet de santé demande un accès"


def test_who_has_no_record_is_told_so(server: RunningServer) -> None:
    add_account(server, "sans", fhir_user="Patient/none", patients=["none"])
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    assert "Aucun dossier n’est rattaché" in browser.log_in("sans").text


def test_an_administrator_opens_no_record(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, SCOPE), SCOPE))
    browser.log_in("administratrice", key=KEY)
    assert "code" not in browser.returned
    assert "Aucun dossier n’est rattaché" in browser.page.text


def test_a_professional_finds_a_patient_with_her_own_rights_and_leaves_a_trace(server: RunningServer) -> None:
    scope = "openid launch/patient patient/Patient.rs"
    client_id = add_app(server, scope)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, scope))
    browser.log_in("medecin")
    assert browser.submit("/auth/activity", activity="0").heading == "Quel dossier ?"
    assert "Aucun dossier ne correspond" in browser.submit("/auth/patient", search="essai3").text
    for text in ("2800299000303", "2 80 02 99 000 303 12"):
        page = browser.submit("/auth/patient", search=text)
        assert "Tom ESSAI3" in page.text, text
        assert "1 dossier trouvé" in page.text
    browser.send("/auth/patient", page.forms[-1].data({"patient": "p3"}))
    assert "Dans le dossier de Tom ESSAI3" in browser.page.text
    browser.submit("/auth/consent", decision="allow")
    assert exchange(server, client_id, browser.returned["code"])["patient"] == "p3"
    trail = server.client().get("AuditEvent?patient=p3&agent=Practitioner/dr").json()
    assert any("search-type" in str(entry["resource"].get("subtype")) for entry in trail["entry"])


def test_a_part_of_a_scope_is_granted_instead_of_the_whole(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE))
    browser.log_in("zoe")
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    part = f"patient/Observation.rs?category={system}|laboratory"
    assert ("narrower", part) in browser.page.form("/auth/consent").choices
    browser.submit("/auth/consent", narrower=[part], decision="allow")
    scope = exchange(server, client_id, browser.returned["code"])["scope"].split()
    assert part in scope
    assert "patient/Observation.rs" not in scope
    assert "patient/Patient.rs" in scope


def test_beside_a_wildcard_no_limit_is_offered_that_would_not_hold(server: RunningServer) -> None:
    scope = "patient/*.rs patient/Observation.rs"
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, scope), scope))
    browser.log_in("zoe")
    choices = browser.page.form("/auth/consent").choices
    assert ("scope", "patient/Observation.rs") in choices
    assert not [name for name, _ in choices if name == "narrower"]
