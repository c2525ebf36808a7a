"""The steps from a request of an app to its answer, in order: login, activity, record, encounter, consent.

Every page asks here where to go next; no page can be skipped by calling the one after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.decision import Granted
from fhir_server.auth.emergency import FRESH, purpose_of
from fhir_server.auth.journey import PAGES, Journey, must_prove_again, read_journey
from fhir_server.auth.pages.page import Pages, go
from fhir_server.auth.people import People
from fhir_server.auth.scopes import narrow
from fhir_server.auth.session import Login
from fhir_server.storage.oauth.authorization_requests import AuthorizationRequest

STEPS = ("login", "second-factor", "activity", "patient", "encounter", "consent")
EMERGENCY = "emergency"
"""Takes the place of the consent where a record is opened in an emergency."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A person who is logged in, on her way with an app's request."""

    login: Login
    journey: Journey
    pending: AuthorizationRequest

    @property
    def patient(self) -> str:
        """The record that the app will reach: of the launch, else the chosen one."""
        return str(self.pending.launch.get("patient") or self.pending.chosen.get("patient", ""))

    @property
    def encounter(self) -> str:
        """The Encounter that the person chose; "" for none."""
        return str(self.pending.chosen.get("encounter", "")) if needs_encounter(self.pending) else ""


def next_page(people: People, login: Login, journey: Journey) -> str:
    """Returns the address of the page that comes next for somebody who is logged in."""
    pending = journey.pending
    if pending is None:
        return PAGES[journey.next]
    return journey.url(_step(people, login, pending))


def _step(people: People, login: Login, pending: AuthorizationRequest) -> str:
    if must_prove_again(login, pending) or _must_prove_for_emergency(login, pending):
        return "login"
    if login.kind == "professional" and not login.activity and login.activities:
        return "activity"
    if needs_patient(login, pending) and not pending.chosen.get("patient"):
        return "patient"
    if needs_encounter(pending) and "encounter" not in pending.chosen:
        return "encounter"
    return EMERGENCY if purpose_of(pending.parameters) else "consent"


def _must_prove_for_emergency(login: Login, pending: AuthorizationRequest) -> bool:
    return bool(purpose_of(pending.parameters)) and not login.is_fresh(FRESH)


def needs_patient(login: Login, pending: AuthorizationRequest) -> bool:
    """Tells whether the request is about one record that the launch does not name."""
    if pending.launch.get("patient"):
        return False
    scopes = pending.scopes
    is_of_patient = "launch/patient" in scopes or any(scope.startswith("patient/") for scope in scopes)
    return is_of_patient or needs_encounter(pending)


def needs_encounter(pending: AuthorizationRequest) -> bool:
    """Tells whether the app asks for an encounter and no EHR says which: one of the record is chosen."""
    return "launch/encounter" in pending.scopes and not pending.launch


def step(pages: Pages, name: str) -> Callable[[Callable[[Visit], Response]], Callable[[], Response]]:
    """Wraps a page of the way: it is shown to who has come that far, others are led to where they are."""

    def wrap(page: Callable[[Visit], Response]) -> Callable[[], Response]:
        @wraps(page)
        def view() -> Response:
            people = pages.people
            journey = read_journey(request, people)
            if journey.is_lost or journey.pending is None:
                return pages.error("request", journey)
            login = pages.login()
            if login is None:
                return go(journey.url("login"))
            if not people.requests.bind(journey.request_id, login.session_id):
                return pages.error("request", journey)
            reached = _step(people, login, journey.pending)
            if _is_before(reached, name):
                return go(journey.url(reached))
            if request.method == "POST" and not pages.is_genuine(journey.purpose):
                return pages.error("form", journey, 400)
            return page(Visit(login, journey, journey.pending))

        return view

    return wrap


def _is_before(reached: str, name: str) -> bool:
    """Tells whether somebody has not come as far as a page; the two last ones are never both on a way."""
    last = ("consent", EMERGENCY)
    if reached in last and name in last:
        return reached != name
    order = [*STEPS, EMERGENCY]
    return order.index(reached) < order.index(name)


def remembered(people: People, visit: Visit) -> Granted | None:
    """Returns the decision that the person need not take again: all that is asked was granted before."""
    if "consent" in visit.pending.parameters.get("prompt", "").split():
        return None
    asked = list(visit.pending.scopes)
    for grant in people.grants.remembered(visit.login.account_id, visit.pending.client_id):
        if grant.patient == visit.patient and narrow(asked, list(grant.scopes)) == asked:
            return Granted(visit.login, tuple(asked), visit.patient, visit.encounter, remember=True)
    return None
