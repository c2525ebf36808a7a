"""Log in and out: name and password, or one of the upstream providers. OWASP ASVS 5 §6.3"""

from __future__ import annotations

from datetime import UTC, datetime

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.journey import Journey, must_prove_again, read_journey
from fhir_server.auth.pages.page import Pages, View, go
from fhir_server.auth.pages.proof import proceed
from fhir_server.auth.pages.steps import next_page
from fhir_server.auth.pages.trail import note, note_failure
from fhir_server.auth.passwords import hash_password, is_outdated, verify_password
from fhir_server.auth.session import Login
from fhir_server.storage.accounts import Account, normalise

LONGEST_NAME = 100


def build_login(pages: Pages) -> View:
    """Returns the page for name and password."""

    def login() -> Response:
        journey = read_journey(request, pages.people)
        if journey.is_lost:
            return pages.error("request", journey)
        if request.method == "POST":
            return _try(pages, journey)
        current = pages.login()
        if current is None or _is_asked_again(current, journey):
            return _form(pages, journey)
        return go(next_page(pages.people, current, journey))

    return login


def _is_asked_again(login: Login, journey: Journey) -> bool:
    if journey.pending is not None:
        return must_prove_again(login, journey.pending)
    return request.args.get("again") == "1"


def _try(pages: Pages, journey: Journey) -> Response:
    if not pages.is_genuine(journey.purpose):
        return pages.error("form", journey, 400)
    people = pages.people
    username = normalise(request.form.get("username", "")[:LONGEST_NAME])
    account = people.accounts.find(username) if username else None
    account_id = account.account_id if account is not None else ""
    origin = people.origin(request)
    until = people.throttle.claim_password(username, account_id, origin)
    if until is not None:
        note_failure(people, username, "too many attempts")
        return _form(pages, journey, 429, "wait", until)
    if not _is_right(account, request.form.get("password", "")) or account is None:
        note_failure(people, username, "name or password is wrong")
        return _form(pages, journey, 401, "wrong")
    people.throttle.password_succeeded(username, account_id, origin)
    if is_outdated(account.password_hash):
        new_hash = hash_password(request.form.get("password", ""))
        people.accounts.set_password(account_id, new_hash, account.password_until)
    return proceed(pages, account, journey, ["pwd"])


def _is_right(account: Account | None, password: str) -> bool:
    """The same work for a right, a wrong and an unknown name; other refusals come after it."""
    matches = verify_password(account.password_hash if account is not None else "", password)
    if account is None or account.disabled_at is not None:
        return False
    is_over = account.password_until is not None and account.password_until <= datetime.now(UTC)
    return matches and not is_over


def _form(
    pages: Pages, journey: Journey, status: int = 200, problem: str = "", until: datetime | None = None
) -> Response:
    hint = journey.pending.parameters.get("login_hint", "") if journey.pending is not None else ""
    page = pages.render(
        "login",
        journey,
        status,
        problem=problem,
        until=until,
        username=request.form.get("username", hint)[:LONGEST_NAME],
        providers=list(pages.people.upstream.providers.values()),
    )
    if until is not None:
        seconds = int((until - datetime.now(UTC)).total_seconds()) + 1
        page.headers["Retry-After"] = str(max(1, seconds))
    return page


def build_logout(pages: Pages) -> View:
    """Returns what the button sends: the session ends here, the app's request goes on with another person."""

    def logout() -> Response:
        journey = read_journey(request, pages.people)
        if not pages.is_genuine("logout"):
            return pages.error("form", journey, 400)
        people = pages.people
        session, account = people.logins.pending(request)
        if session is not None and account is not None:
            note(people, "logout", account)
            people.families.end_session(session.digest)
            if journey.pending is not None:
                people.requests.release(journey.request_id, session.digest)
        people.logins.end(request)
        return go(journey.url("login"))

    return logout
