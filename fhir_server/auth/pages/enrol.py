"""Adds a second factor: an app with one-time codes, or a passkey. NIST SP 800-63B §6.1

During a first login, or later by somebody who proved who she is a short time ago. Whoever has a second factor
already is never here with a password alone.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.journey import Journey, read_journey
from fhir_server.auth.one_time_codes import (
    enrolment_picture,
    matching_step,
    new_key,
    new_recovery_codes,
    recovery_digest,
)
from fhir_server.auth.pages.page import Pages, View, go
from fhir_server.auth.pages.proof import Half, missing, proceed
from fhir_server.auth.pages.trail import note
from fhir_server.auth.passkeys import MOST
from fhir_server.auth.people import FRESH
from fhir_server.auth.session import TWO_FACTORS
from fhir_server.storage.accounts import Account


def build_enrol(pages: Pages) -> View:
    """Returns the page on which a second factor is added."""

    def enrol() -> Response:
        journey = read_journey(request, pages.people)
        person, elsewhere = _person(pages, journey)
        if person is None:
            return elsewhere
        if request.method != "POST":
            return _form(pages, person)
        if not pages.is_genuine(journey.purpose):
            return pages.error("form", journey, 400)
        add = _ADDS.get(request.form.get("method", ""))
        amr = add(pages, person) if add is not None else ""
        if not amr:
            return _form(pages, person, 400, "wrong")
        return _added(pages, person, amr)

    return enrol


def _person(pages: Pages, journey: Journey) -> tuple[Half | None, Response]:
    """Returns who may add a factor now, or where the others go."""
    session, account = pages.people.logins.pending(request)
    if journey.is_lost or session is None or account is None:
        return None, go(journey.url("login"))
    if session.complete:
        login = pages.login()
        if login is None or not login.is_fresh(FRESH):
            return None, go(Journey(next="security").url("login") + "&again=1")
    else:
        expected = missing(pages.people, account, session.amr)
        if expected != "enrol":
            return None, go(journey.url(expected or "login"))
    return Half(session, account, journey), Response()


def _form(pages: Pages, person: Half, status: int = 200, problem: str = "") -> Response:
    people, account = pages.people, person.account
    key, options, changes = "", "", {}
    if not account.totp_key:
        key = person.session.offered_key or new_key()
        changes["set__offered_key"] = key
    if people.relying_party.id and len(account.passkeys) < MOST:
        changes["set__challenge"], options = people.relying_party.registration_options(account)
    if changes:
        people.logins.sessions.change(person.session, changes)
    return pages.render(
        "enrol",
        person.journey,
        status,
        problem=problem,
        account=account,
        is_first=not person.session.complete,
        login=pages.login(),
        key=key,
        picture=enrolment_picture(key, account.username) if key else "",
        passkey_options=options,
    )


def _add_codes(pages: Pages, person: Half) -> str:
    key = person.session.offered_key
    step = matching_step(key, request.form.get("code", "")[:20]) if key else None
    if step is None or person.account.totp_key:
        return ""
    return "otp" if pages.people.accounts.set_totp(person.account.account_id, key, step) else ""


def _add_passkey(pages: Pages, person: Half) -> str:
    people = pages.people
    challenge = people.logins.sessions.take_challenge(person.session)
    if challenge is None or len(person.account.passkeys) >= MOST:
        return ""
    label = request.form.get("label", "")
    made = people.relying_party.registered(request.form.get("answer", ""), challenge, label)
    if made is None:
        return ""
    return "hwk" if people.accounts.add_passkey(person.account.account_id, made) else ""


_ADDS: dict[str, Callable[[Pages, Half], str]] = {"code": _add_codes, "passkey": _add_passkey}
"""What the form adds → what it is called in amr (RFC 8176), "" when it was not added."""


def _added(pages: Pages, person: Half, amr: str) -> Response:
    """Goes on; who had no second factor before also gets recovery codes, on a page that is shown once."""
    account = person.account
    note(pages.people, "account-changed", account)
    went_on = _go_on(pages, person, amr)
    if account.has_second_factor:
        return went_on
    return show_recovery_codes(pages, account, person.journey, went_on.headers["Location"])


def _go_on(pages: Pages, person: Half, amr: str) -> Response:
    if person.session.complete:
        pages.people.logins.sessions.change(
            person.session,
            {"set__offered_key": "", "add_to_set__amr": [amr, "mfa"], "set__acr": TWO_FACTORS},
        )
        return go(Journey(next="security").url("security"))
    account = pages.people.accounts.get(person.account.account_id) or person.account
    return proceed(pages, account, person.journey, [*person.session.amr, amr, "mfa"])


def show_recovery_codes(pages: Pages, account: Account, journey: Journey, following: str) -> Response:
    """Makes new recovery codes and shows them, this once."""
    codes = new_recovery_codes()
    pages.people.accounts.set_recovery_codes(account.account_id, [recovery_digest(code) for code in codes])
    return pages.render("recovery_codes", journey, codes=codes, following=following)
