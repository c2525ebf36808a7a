"""A password of one's own instead of one that somebody else chose. NIST SP 800-63B §5.1.1.2"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.pages.page import Pages, View, go
from fhir_server.auth.pages.proof import Half, half, missing, proceed
from fhir_server.auth.passwords import SHORTEST, hash_password, verify_password, weakness
from fhir_server.storage.accounts import Account


def build_new_password(pages: Pages) -> View:
    """Returns the page on which the first login ends."""

    @half(pages)
    def new_password(person: Half) -> Response:
        expected = missing(pages.people, person.account, person.session.amr)
        if expected != "new-password":
            return go(person.journey.url(expected or "login"))
        if request.method != "POST":
            return _form(pages, person)
        problem = refusal(person.account)
        if problem:
            return _form(pages, person, 400, problem)
        accounts = pages.people.accounts
        accounts.set_password(person.account.account_id, hash_password(request.form["password"]))
        account = accounts.get(person.account.account_id)
        if account is None:  # removed in this very moment
            return pages.error("form", person.journey)
        return proceed(pages, account, person.journey, person.session.amr)

    return new_password


def _form(pages: Pages, person: Half, status: int = 200, problem: str = "") -> Response:
    return pages.render(
        "new_password", person.journey, status, problem=problem, account=person.account, shortest=SHORTEST
    )


def refusal(account: Account) -> str:
    """Returns why the password that was sent cannot be the new one, "" when it can."""
    password = request.form.get("password", "")
    if password != request.form.get("repeated", ""):
        return "differs"
    return weakness(password, account.username) or (
        "same" if verify_password(account.password_hash, password) else ""
    )
