"""Login through Pro Santé Connect or FranceConnect: the way there and back. OpenID Connect Core §3.1"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import g, request
from werkzeug.wrappers import Response

from fhir_server.auth.claims import activities, full_name, rpps
from fhir_server.auth.journey import Journey, read_journey
from fhir_server.auth.pages.page import Pages, go
from fhir_server.auth.pages.proof import proceed
from fhir_server.auth.pages.trail import note
from fhir_server.auth.people import FRESH, People
from fhir_server.auth.upstream import Provider, UpstreamError
from fhir_server.storage.accounts import Account
from fhir_server.storage.upstream_logins import UpstreamLogin

_log = logging.getLogger("fhir_server")
NamedView = Callable[[str], Response]


def build_leave(pages: Pages) -> NamedView:
    """Returns what the button of a provider asks for."""

    def leave(name: str) -> Response:
        people = pages.people
        journey = read_journey(request, people)
        if name not in people.upstream.providers or journey.is_lost:
            return pages.error("request", journey, 404)
        link = ""
        if request.method == "POST":  # from the page of security: link the provider to the account
            login = pages.login()
            if login is None or not login.is_fresh(FRESH) or not pages.is_genuine("page security"):
                return pages.error("form", journey)
            link = login.account_id
        fields = {"request_id": journey.request_id, "next": journey.next, "link": link}
        try:
            return go(people.upstream.leave(name, people.logins.browser(request), **fields))
        except UpstreamError as error:
            return _failed(pages, journey, name, error)

    return leave


def build_come_back(pages: Pages) -> NamedView:
    """Returns what the provider sends the browser back to."""

    def come_back(name: str) -> Response:
        people = pages.people
        if name not in people.upstream.providers:
            return pages.error("request", Journey(), 404)
        try:
            left, claims = people.upstream.come_back(
                name, people.logins.browser(request), request.args.to_dict()
            )
        except UpstreamError as error:
            return _failed(pages, Journey(), name, error)
        provider = people.upstream.providers[name]
        if left.link:
            return _link(pages, provider, left, claims)
        return _enter(pages, provider, left, claims)

    return come_back


def _enter(pages: Pages, provider: Provider, left: UpstreamLogin, claims: Mapping[str, Any]) -> Response:
    people = pages.people
    journey = _journey(people, left)
    account = _account(people, provider, claims)
    if account is None or account.disabled_at is not None:
        return pages.render(
            "unknown_person", journey, 403, provider=provider, name=full_name(claims), login=None
        )
    fields: dict[str, Any] = {"acr": str(claims["acr"])}
    if provider.shape == "pro-sante-connect":
        fields["activities"] = activities(claims, people.professions)
    amr = ["fed", *(["mfa"] if provider.two_factors else [])]
    return proceed(pages, account, journey, amr, **fields)


def _account(people: People, provider: Provider, claims: Mapping[str, Any]) -> Account | None:
    """A professional is known by RPPS; anybody by a subject that was linked: never by name or birth alone."""
    if provider.shape == "pro-sante-connect":
        return people.accounts.of_professional(rpps(claims))
    subject = claims.get("sub")
    return people.accounts.of_identity(provider.issuer, subject) if isinstance(subject, str) else None


def _link(pages: Pages, provider: Provider, left: UpstreamLogin, claims: Mapping[str, Any]) -> Response:
    journey = Journey(next="security")
    login = pages.login()
    subject = claims.get("sub")
    if login is None or login.account_id != left.link or not isinstance(subject, str):
        return pages.error("form", journey)
    other = pages.people.accounts.of_identity(provider.issuer, subject)
    if provider.shape != "franceconnect" or (other is not None and other.account_id != login.account_id):
        return pages.error("linked", journey, 409)
    pages.people.accounts.link(login.account_id, provider.issuer, subject)
    note(pages.people, "account-changed", login)
    return go("/auth/security")


def _journey(people: People, left: UpstreamLogin) -> Journey:
    if not left.request_id:
        return Journey(next=left.next or "access")
    pending = people.requests.find(left.request_id)
    client = people.clients.find_active(pending.client_id) if pending is not None else None
    return Journey(left.request_id, "access", pending, client)


def _failed(pages: Pages, journey: Journey, name: str, error: UpstreamError) -> Response:
    fields = {"request_id": g.get("request_id", ""), "provider": name, "reason": str(error)}
    _log.warning("upstream login failed", extra={"fields": fields})
    return pages.error("upstream", journey, 502 if error.__cause__ is not None else 400)
