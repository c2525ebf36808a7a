"""How one logs in: password, second factors, linked providers, other sessions. OWASP ASVS 5 §6.4, §7.4"""

from __future__ import annotations

from collections.abc import Callable

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.journey import Journey
from fhir_server.auth.pages.enrol import show_recovery_codes
from fhir_server.auth.pages.new_password import refusal
from fhir_server.auth.pages.page import Pages, View, go
from fhir_server.auth.pages.proof import fresh
from fhir_server.auth.pages.trail import note
from fhir_server.auth.passwords import SHORTEST, hash_password
from fhir_server.auth.session import Login
from fhir_server.storage.accounts import Account

JOURNEY = Journey(next="security")


def build_security(pages: Pages) -> View:
    """Returns the page of a person's second factors and sessions."""

    @fresh(pages, "security")
    def security(login: Login) -> Response:
        account = pages.people.accounts.get(login.account_id)
        if account is None:  # removed in this very moment
            return pages.error("form", JOURNEY)
        if request.method != "POST":
            return _form(pages, login, account)
        change = CHANGES.get(request.form.get("change", ""))
        if change is None:
            return pages.error("form", JOURNEY)
        answer = change(pages, login, account)
        if isinstance(answer, str):
            return _form(pages, login, account, answer)
        note(pages.people, "account-changed", login)
        return answer

    return security


def _form(pages: Pages, login: Login, account: Account, problem: str = "") -> Response:
    providers = pages.people.upstream.providers.values()
    return pages.render(
        "security",
        JOURNEY,
        400 if problem else 200,
        login=login,
        account=account,
        shortest=SHORTEST,
        done=request.args.get("done", "") == "1",
        may_have_none=not pages.people.needs_second_factor_by_rule(account),
        providers=[
            (provider, any(identity.startswith(f"{provider.issuer} ") for identity in account.identities))
            for provider in providers
            if provider.shape == "franceconnect"
        ],
        problem=problem,
    )


def _change_password(pages: Pages, login: Login, account: Account) -> Response | str:
    problem = refusal(account)
    if problem:
        return problem
    pages.people.accounts.set_password(account.account_id, hash_password(request.form["password"]))
    pages.people.logins.sessions.end_all(account.account_id, but=login.session_id)
    return _done()


def _remove_codes(pages: Pages, login: Login, account: Account) -> Response | str:
    if not account.passkeys and pages.people.needs_second_factor_by_rule(account):
        return "last"
    pages.people.accounts.set_totp(account.account_id, "", 0)
    return _done()


def _remove_passkey(pages: Pages, login: Login, account: Account) -> Response | str:
    is_last = len(account.passkeys) == 1 and not account.totp_key
    if is_last and pages.people.needs_second_factor_by_rule(account):
        return "last"
    try:
        credential_id = bytes.fromhex(request.form.get("passkey", "")[:2048])
    except ValueError:
        return "last"
    pages.people.accounts.remove_passkey(account.account_id, credential_id)
    return _done()


def _new_recovery_codes(pages: Pages, login: Login, account: Account) -> Response | str:
    if not account.has_second_factor:
        return "none"
    return show_recovery_codes(pages, account, JOURNEY, "/auth/security")


def _end_others(pages: Pages, login: Login, account: Account) -> Response | str:
    pages.people.logins.sessions.end_all(account.account_id, but=login.session_id)
    return _done()


def _done() -> Response:
    return go("/auth/security?done=1")


CHANGES: dict[str, Callable[[Pages, Login, Account], Response | str]] = {
    "password": _change_password,
    "remove-codes": _remove_codes,
    "remove-passkey": _remove_passkey,
    "recovery-codes": _new_recovery_codes,
    "end-others": _end_others,
}
"""What a form changes → what it answers, or the name of what is wrong."""
