"""The apps that have access to a record: what, since when, and its end. SMART §2.2 management_endpoint"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import request
from werkzeug.wrappers import Response

from fhir_server.audit.activity import read_activity
from fhir_server.auth.journey import Journey
from fhir_server.auth.pages.page import Pages, View, go
from fhir_server.auth.pages.trail import note
from fhir_server.auth.patients import Candidate, Chooser
from fhir_server.auth.scope_words import KINDS, ScopeLine, describe
from fhir_server.auth.session import Login
from fhir_server.storage.oauth.grants import Grant

_HOLDERS = ("patient", "representative")


@dataclass(frozen=True, slots=True)
class Access:
    """One app that a person let in."""

    grant: Grant
    name: str
    record: Candidate | None
    by_other: str
    lines: tuple[ScopeLine, ...]


def build_access(pages: Pages) -> View:
    """Returns the page of the apps with access."""
    journey = Journey(next="access")

    def access() -> Response:
        login = pages.login()
        if login is None:
            return go(journey.url("login"))
        if request.method != "POST":
            return pages.render(
                "access",
                journey,
                login=login,
                accesses=list(_accesses(pages, login)),
                ended=request.args.get("ended") == "1",
            )
        if not pages.is_genuine(journey.purpose):
            return pages.error("form", journey)
        grant_id = request.form.get("grant", "")[:64]
        mine = {grant.grant_id: grant for grant in _grants(pages, login)}
        if grant_id in mine and pages.people.grants.revoke(grant_id, login.username):
            grant = mine[grant_id]
            facts = {"patient": grant.patient, "scope": " ".join(grant.scopes)}
            note(pages.people, "grant-revoked", login, client_id=grant.client_id, **facts)
        return go("/auth/access?ended=1")

    return access


def _grants(pages: Pages, login: Login) -> list[Grant]:
    """Those of the person, and those that reach a record which she holds or represents."""
    grants = pages.people.grants
    found = {grant.grant_id: grant for grant in grants.of_account(login.account_id)}
    for patient in login.patients if login.kind in _HOLDERS else ():
        found |= {grant.grant_id: grant for grant in grants.of_patient(patient) if _is_holders(pages, grant)}
    return list(found.values())


def _is_holders(pages: Pages, grant: Grant) -> bool:
    account = pages.people.accounts.get(grant.account_id)
    return account is not None and account.kind in _HOLDERS


def _accesses(pages: Pages, login: Login) -> Iterator[Access]:
    address, activity = request.remote_addr or "", read_activity(login.activity)
    chooser = Chooser(pages.people.interact, login.fhir_user, login.session_id, address, activity)
    records: dict[str, Candidate | None] = {}
    for grant in _grants(pages, login):
        client = pages.people.clients.find(grant.client_id)
        if grant.patient and grant.patient not in records:
            records[grant.patient] = _record(chooser, login, grant.patient)
        other = "" if grant.account_id == login.account_id else _display(pages, grant)
        yield Access(
            grant,
            client.name if client is not None else grant.client_id,
            records.get(grant.patient),
            other,
            _lines(pages, grant),
        )


def _lines(pages: Pages, grant: Grant) -> tuple[ScopeLine, ...]:
    lines = [describe(scope, pages.language()) for scope in grant.scopes]
    return tuple(sorted(lines, key=lambda line: KINDS.index(line.kind)))


def _record(chooser: Chooser, login: Login, patient_id: str) -> Candidate | None:
    if login.kind in _HOLDERS:
        return next(iter(chooser.own([patient_id])), None) if patient_id in login.patients else None
    return chooser.may_choose(patient_id)


def _display(pages: Pages, grant: Grant) -> str:
    account = pages.people.accounts.get(grant.account_id)
    return account.display if account is not None else ""
