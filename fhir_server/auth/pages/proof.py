"""What a proof is worth: the session that it starts, and which proof is still missing. NIST SP 800-63B §4

A session is complete when nothing is missing; until then it opens only the page that asks for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.journey import Journey, read_journey
from fhir_server.auth.pages.page import Pages, go
from fhir_server.auth.pages.trail import note
from fhir_server.auth.people import FRESH, People
from fhir_server.auth.session import ONE_FACTOR, TWO_FACTORS, Login
from fhir_server.storage.accounts import Account
from fhir_server.storage.sessions import Session


@dataclass(frozen=True, slots=True)
class Half:
    """A person whose login is not complete, on her way."""

    session: Session
    account: Account
    journey: Journey


def missing(people: People, account: Account, amr: Sequence[str]) -> str:
    """Returns the page that asks for what is missing, "" when nothing is."""
    if "pwd" in amr and account.password_until is not None:
        return "new-password"
    if "mfa" in amr or not people.needs_second_factor(account):
        return ""
    return "second-factor" if account.has_second_factor else "enrol"


def proceed(pages: Pages, account: Account, journey: Journey, amr: Sequence[str], **session: Any) -> Response:
    """Starts the session that the proofs so far are worth and leads to what comes next."""
    people = pages.people
    origin = people.origin(request)
    page = missing(people, account, amr)
    session.setdefault("acr", TWO_FACTORS if "mfa" in amr else ONE_FACTOR)
    _release(people, journey)
    people.logins.begin(request, account, amr, complete=not page, **session)
    if page:
        return go(journey.url(page))
    people.throttle.login_succeeded(account.account_id, origin, people.logins.browser(request))
    note(people, "login", account)
    # The session is new: the login page reads it and says where to go.
    return go(journey.url("login"))


def _release(people: People, journey: Journey) -> None:
    """Lets the new session of the same browser answer the request that its old session had."""
    session, _ = people.logins.pending(request)
    if session is not None and journey.request_id:
        people.requests.release(journey.request_id, session.digest)


def half(pages: Pages) -> Callable[[Callable[[Half], Response]], Callable[[], Response]]:
    """Wraps a page that completes a login: who has not begun or is through is led away."""

    def wrap(page: Callable[[Half], Response]) -> Callable[[], Response]:
        @wraps(page)
        def view() -> Response:
            journey = read_journey(request, pages.people)
            if journey.is_lost:
                return pages.error("request", journey)
            session, account = pages.people.logins.pending(request)
            if session is None or account is None or session.complete:
                return go(journey.url("login"))
            if request.method == "POST" and not pages.is_genuine(journey.purpose):
                return pages.error("form", journey, 400)
            return page(Half(session, account, journey))

        return view

    return wrap


def fresh(pages: Pages, next_name: str) -> Callable[[Callable[[Login], Response]], Callable[[], Response]]:
    """Wraps a page that is for people who proved who they are a short time ago."""

    def wrap(page: Callable[[Login], Response]) -> Callable[[], Response]:
        @wraps(page)
        def view() -> Response:
            login = pages.login()
            journey = Journey(next=next_name)
            if login is None:
                return go(journey.url("login"))
            if not login.is_fresh(FRESH):
                return go(journey.url("login") + "&again=1")
            if request.method == "POST" and not pages.is_genuine(journey.purpose):
                return pages.error("form", journey, 400)
            return page(login)

        return view

    return wrap
