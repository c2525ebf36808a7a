"""A record is opened in an emergency: proof, reason, one patient, an hour; and whoever opposed is spared.

Code de la santé publique L1111-17 I, R1111-48; docs/security/emergency.md
"""

from __future__ import annotations

from typing import Any

import pyotp
import pytest

from fhir_server.storage.outbox import Outbox
from tests.examples import body, create, entries, patient, problem
from tests.http_client import FhirHttp
from tests.people import KEY, Browser, add_account, add_app, authorize_url, exchange
from tests.records import decision, document, open_record
from tests.running_server import RunningServer

SCOPE = "openid fhirUser offline_access user/*.cruds patient/*.rs"
TEXT = "Personne inconsciente sur la voie publique"
_count = iter(range(1000))


@pytest.fixture
def doctor(server: RunningServer) -> str:
    return add_doctor(server)


def add_doctor(server: RunningServer) -> str:
    """A code is good for one login, so that each login is another doctor's."""
    name = f"urgentiste-{next(_count)}"
    place = {"role": "10", "role_display": "Médecin", "organization": "Organization/SAMU"}
    add_account(
        server,
        name,
        "professional",
        fhir_user=f"Practitioner/{name}",
        activities=[{**place, "organization_display": "SAMU"}],
        totp_key=KEY,
    )
    return name


@pytest.fixture
def victim(server: RunningServer) -> str:
    fhir = server.client()
    serial = next(_count)
    ins = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": f"28002990{serial:05d}"}
    name = [{"family": "Urgence" + chr(97 + serial // 26) + chr(97 + serial % 26), "given": ["Ève"]}]
    stored = create(fhir, {**patient(), "identifier": [ins], "name": name, "birthDate": "1970-05-06"})
    open_record(fhir, stored["id"], treating=["Practitioner/mt"])
    create(fhir, document(stored["id"]))
    return str(stored["id"])


def ask(server: RunningServer, doctor: str, purpose: str = "BTG", **more: str) -> tuple[str, Browser]:
    """The doctor has logged in with two factors and looks for a record."""
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE, purpose_of_use=purpose, **more))
    browser.log_in(doctor)
    browser.submit("/auth/second-factor", code=pyotp.TOTP(KEY).now())
    return client_id, browser


def find(server: RunningServer, browser: Browser, victim: str, text: str = "") -> None:
    stored = body(server.client().get(f"Patient/{victim}"))
    browser.submit("/auth/patient", search=text or stored["identifier"][0]["value"])
    choice = next(form for form in browser.page.forms if ("patient", victim) in form.choices)
    browser.send("/auth/patient", choice.data({"patient": victim}))


def opened(server: RunningServer, doctor: str, victim: str, purpose: str = "BTG") -> dict[str, Any]:
    client_id, browser = ask(server, doctor, purpose)
    find(server, browser, victim)
    reason = "unconscious" if purpose == "BTG" else "call"
    browser.submit("/auth/emergency", reason=reason, text=TEXT, declared="yes", decision="open")
    return exchange(server, client_id, browser.returned["code"])


def test_one_record_is_read_for_an_hour(server: RunningServer, doctor: str, victim: str) -> None:
    answer = opened(server, doctor, victim)
    assert answer["expires_in"] == 3600
    assert answer["patient"] == victim
    assert answer["purpose_of_use"] == "BTG"
    assert "refresh_token" not in answer
    assert not {"offline_access", "patient/*.rs", "user/*.cruds"} & set(answer["scope"].split())
    app = FhirHttp(server.base_url, answer["access_token"])
    assert body(app.get(f"DocumentReference?patient={victim}"))["total"] == 1
    problem(app.post("DocumentReference", document(victim)), 403)
    assert body(app.get("DocumentReference?patient=p1"))["total"] == 0
    problem(app.get("Patient/p1"), 404)
    told_of = server.client().get(f"AuditEvent?entity=Patient/{victim}&subtype=110127").json()
    [event] = [one["resource"] for one in entries(told_of)]
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "BTG"
    assert TEXT in event["purposeOfEvent"][0]["text"]
    rows = Outbox(server.inside.mongo).waiting(1000)
    recipients = [
        row["recipient"] for row in rows if row["code"] == "ACCES_BRIS_GLACE" and row["patient"] == victim
    ]
    assert sorted(recipients) == sorted([f"Patient/{victim}", "Practitioner/mt"])


def test_the_holder_reads_who_opened_it_and_why(server: RunningServer, doctor: str, victim: str) -> None:
    opened(server, doctor, victim)
    holder = server.client("patient/*.rs", victim)
    trail = holder.get(f"AuditEvent?patient={victim}&subtype=110127").json()
    [event] = [one["resource"] for one in entries(trail)]
    told = body(server.client("patient/*.rs", victim).get(f"AuditEvent/{event['id']}/$dmp-explain"))
    [sentence] = [one["valueString"] for one in told["parameter"] if one["name"] == "event-fr"]
    assert f"Practitioner/{doctor} (Médecin), SAMU," in sentence
    assert f"a ouvert Patient/{victim} en urgence (bris de glace) (motif : " in sentence
    assert f"La personne est inconsciente : {TEXT})" in sentence


def test_who_regulates_a_call_finds_by_traits(server: RunningServer, victim: str) -> None:
    family = body(server.client().get(f"Patient/{victim}"))["name"][0]["family"]
    for text in (f"{family} Ève 06/05/1970", f"Eve {family} 1970-05-06"):
        _, browser = ask(server, add_doctor(server), "ETREAT")
        find(server, browser, victim, text)
        assert "régulation" in browser.page.heading
    for purpose, text in (("ETREAT", family), ("ETREAT", "1970-05-06"), ("BTG", f"{family} Ève 06/05/1970")):
        _, browser = ask(server, add_doctor(server), purpose)
        browser.submit("/auth/patient", search=text)
        assert "Aucun dossier" in browser.page.text
    assert opened(server, add_doctor(server), victim, "ETREAT")["purpose_of_use"] == "ETREAT"


@pytest.mark.parametrize(
    ("template", "choice", "actors"),
    [("emergency-break-glass", "deny", False), ("block", "deny", True)],
)
def test_whoever_opposed_is_spared(
    server: RunningServer, doctor: str, victim: str, template: str, choice: str, actors: bool
) -> None:
    named = [f"Practitioner/{doctor}"] if actors else []
    create(server.client(), decision(victim, template, choice, actors=named))
    _, browser = ask(server, doctor)
    find(server, browser, victim)
    browser.submit("/auth/emergency", reason="unconscious", text=TEXT, declared="yes", decision="open")
    assert browser.returned["error"] == "access_denied"
    assert "error_description" in browser.returned
    assert not entries(server.client().get(f"AuditEvent?entity=Patient/{victim}&subtype=110127").json())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reason": "curious"}, "motif"),
        ({"reason": "call"}, "motif"),
        ({"text": "court"}, "20 caractères"),
        ({"text": "x" * 1001}, "20 caractères"),
        ({"declared": None}, "déclaration"),
    ],
)
def test_without_a_reason_nothing_is_opened(
    server: RunningServer, doctor: str, victim: str, changes: dict[str, Any], words: str
) -> None:
    _, browser = ask(server, doctor)
    find(server, browser, victim)
    given = {"reason": "unconscious", "text": TEXT, "declared": "yes", "decision": "open"}
    browser.submit("/auth/emergency", **{**given, **changes})
    assert words in browser.page.text
    assert "error" not in browser.page.headings
    browser.submit("/auth/emergency", decision="leave")
    assert browser.returned["error"] == "access_denied"


def test_the_pages_of_consent_and_emergency_are_on_different_ways(
    server: RunningServer, doctor: str, victim: str
) -> None:
    _, browser = ask(server, doctor)
    find(server, browser, victim)
    form = browser.page.form("/auth/emergency")
    sent = {name: value for name, value in form.fields if name in ("request", "form_token")}
    for page in ("consent", "emergency"):
        browser.send(f"/auth/{page}", {**sent, "decision": "allow"})
        assert "code" not in browser.returned


def test_an_app_asks_rightly_or_is_told(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    for more, error in (
        ({"purpose_of_use": "TREAT"}, "invalid_request"),
        ({"purpose_of_use": "BTG", "prompt": "none"}, "interaction_required"),
    ):
        browser = Browser(server)
        browser.get(authorize_url(server, client_id, SCOPE, **more))
        assert browser.returned["error"] == error
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, "openid patient/*.rs", purpose_of_use="BTG"))
    assert browser.returned["error"] == "invalid_scope"


def test_a_holder_opens_nothing_in_an_emergency(server: RunningServer) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE, purpose_of_use="BTG"))
    browser.log_in("zoe2")
    browser.submit("/auth/second-factor", code=pyotp.TOTP(KEY).now())
    assert browser.returned["error"] == "access_denied"


def test_one_factor_is_too_little(server: RunningServer, victim: str) -> None:
    client_id = add_app(server, SCOPE)
    browser = Browser(server)
    browser.get(authorize_url(server, client_id, SCOPE, purpose_of_use="BTG"))
    browser.log_in("medecin")
    browser.submit("/auth/activity", activity="0")
    find(server, browser, victim)
    assert browser.returned["error"] == "access_denied"
