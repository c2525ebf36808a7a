"""Where a person is going while she logs in: back to an app's request, or to one of our own pages.

Neither is an address: the request is known by an opaque id, our pages by a name. There is nothing to redirect
to another site (OWASP ASVS 5 §1.2.2, CWE-601).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from flask import Request

from fhir_server.auth.people import People
from fhir_server.auth.session import Login
from fhir_server.storage.oauth.authorization_requests import AuthorizationRequest
from fhir_server.storage.oauth.clients import Client

PAGES = {"access": "/auth/access", "security": "/auth/security", "clients": "/admin/clients"}
"""Our own pages, by the names that `next` may have."""


@dataclass(frozen=True, slots=True)
class Journey:
    """The way of one person through the pages."""

    request_id: str = ""
    next: str = "access"
    pending: AuthorizationRequest | None = field(default=None, compare=False)
    client: Client | None = field(default=None, compare=False)

    @property
    def is_lost(self) -> bool:
        """Tells whether the app's request is over or was never made here."""
        return bool(self.request_id) and (self.pending is None or self.client is None)

    @property
    def purpose(self) -> str:
        """What the forms of this way are bound to."""
        return self.request_id or f"page {self.next}"

    def url(self, page: str) -> str:
        """Returns the address of one of the pages on this way."""
        fields = {"request": self.request_id} if self.request_id else {"next": self.next}
        return f"/auth/{page}?{urlencode(fields)}"

    @property
    def targets(self) -> tuple[str, ...]:
        """Where forms of this way may lead in the end: CSP form-action counts redirects too."""
        if self.pending is None:
            return ()
        parts = urlsplit(self.pending.redirect_uri)
        if parts.scheme in ("http", "https"):
            return (f"{parts.scheme}://{parts.netloc}",)
        return (f"{parts.scheme}:",)


def read_journey(request: Request, people: People) -> Journey:
    """Returns the way that a request names; what it does not know it leaves out."""
    request_id = request.values.get("request", "")[:100]
    name = request.values.get("next", "access")
    if not request_id:
        return Journey(next=name if name in PAGES else "access")
    pending = people.requests.find(request_id)
    client = people.clients.find_active(pending.client_id) if pending is not None else None
    return Journey(request_id, "access", pending, client)


def must_prove_again(login: Login, pending: AuthorizationRequest) -> bool:
    """Tells whether the app wants the person to log in although she is. OpenID Connect Core §3.1.2.1"""
    if set(pending.parameters.get("prompt", "").split()) & {"login", "select_account"}:
        return bool(login.proved_at < pending.created_at.timestamp())
    max_age = pending.parameters.get("max_age", "")
    return max_age.isdecimal() and int(datetime.now(UTC).timestamp()) - login.auth_time > int(max_age[:9])
