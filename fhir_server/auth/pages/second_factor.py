"""The second factor of a login: a one-time code, a passkey, or a recovery code. OWASP ASVS 5 §6.5"""

from __future__ import annotations

from collections.abc import Callable

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.one_time_codes import matching_step, recovery_digest
from fhir_server.auth.pages.page import Pages, View, go
from fhir_server.auth.pages.proof import Half, half, missing, proceed
from fhir_server.auth.pages.trail import note_failure
from fhir_server.auth.people import People


def build_second_factor(pages: Pages) -> View:
    """Returns the page that asks for the second factor."""

    @half(pages)
    def second_factor(person: Half) -> Response:
        people = pages.people
        expected = missing(people, person.account, person.session.amr)
        if expected != "second-factor":
            return go(person.journey.url(expected or "login"))
        if request.method != "POST":
            return _form(pages, person)
        until = people.throttle.claim_second_factor(person.account.account_id, people.origin(request))
        if until is not None:
            note_failure(people, person.account.username, "too many attempts")
            return _form(pages, person, 429, "wait")
        proof = _PROOFS.get(request.form.get("method", ""))
        amr = proof(people, person) if proof is not None else ""
        if not amr:
            note_failure(people, person.account.username, "second factor is wrong")
            return _form(pages, person, 401, "wrong")
        return proceed(pages, person.account, person.journey, [*person.session.amr, amr, "mfa"])

    return second_factor


def _form(pages: Pages, person: Half, status: int = 200, problem: str = "") -> Response:
    people = pages.people
    options = ""
    if person.account.passkeys and people.relying_party.id:
        challenge, options = people.relying_party.authentication_options(person.account)
        people.logins.sessions.change(person.session, {"set__challenge": challenge})
    return pages.render(
        "second_factor",
        person.journey,
        status,
        problem=problem,
        account=person.account,
        passkey_options=options,
    )


def _code(people: People, person: Half) -> str:
    step = matching_step(person.account.totp_key, request.form.get("code", "")[:20])
    is_new = step is not None and people.accounts.use_totp_step(person.account.account_id, step)
    return "otp" if person.account.totp_key and is_new else ""


def _passkey(people: People, person: Half) -> str:
    challenge = people.logins.sessions.take_challenge(person.session)
    if challenge is None:
        return ""
    proved = people.relying_party.authenticated(request.form.get("answer", ""), challenge, person.account)
    if proved is None or not people.accounts.use_passkey(person.account.account_id, *proved):
        return ""
    return "hwk"


def _recovery_code(people: People, person: Half) -> str:
    digest = recovery_digest(request.form.get("code", "")[:64])
    return "otp" if people.accounts.use_recovery_code(person.account.account_id, digest) else ""


_PROOFS: dict[str, Callable[[People, Half], str]] = {
    "code": _code,
    "passkey": _passkey,
    "recovery": _recovery_code,
}
"""What the form says it is → what the proof is called in amr (RFC 8176), "" when it is none."""
