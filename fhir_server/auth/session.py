"""Who is logged in, in which browser: the cookies, and what they stand for. OWASP ASVS 5 §7, RFC 6265bis

Two cookies: `login` is the session and changes at every proof; `browser` is older than a login, binds
its forms and its redirects, and is known again at the next login. Neither says anything by itself.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Request, Response, current_app, g

from fhir_server.storage.accounts import Account, Accounts
from fhir_server.storage.opaque import new_value
from fhir_server.storage.sessions import Lifetime, Session, Sessions

ONE_FACTOR = "urn:fhir-server:acr:one-factor"
TWO_FACTORS = "urn:fhir-server:acr:two-factors"
EXTENSION = "fhir_server_logins"

_PATIENT = Lifetime(timedelta(minutes=30), timedelta(hours=12))
_PROFESSIONAL = Lifetime(timedelta(minutes=15), timedelta(hours=8))
_HALF = Lifetime(timedelta(minutes=10), timedelta(minutes=10))
"""A login that waits for its second factor."""
LIFETIMES = {
    "patient": _PATIENT,
    "representative": _PATIENT,
    "professional": _PROFESSIONAL,
    "administrator": _PROFESSIONAL,
}
_BROWSER_SECONDS = 180 * 86_400


@dataclass(frozen=True, slots=True)
class Login:
    """One person, logged in."""

    account_id: str
    username: str
    display: str
    kind: str
    """patient, representative, professional or administrator."""
    fhir_user: str
    patients: tuple[str, ...]
    """Ids of the Patients whose record the person opens as holder or representative."""
    auth_time: int
    """Seconds since 1970, as id_tokens have it."""
    proved_at: float
    """The same moment, to the millisecond."""
    acr: str
    amr: tuple[str, ...]
    activity: Mapping[str, str]
    """Of a professional: role, role_display, organization, organization_display; empty until chosen."""
    activities: tuple[Mapping[str, str], ...]
    session_id: str

    @property
    def has_two_factors(self) -> bool:
        """Tells whether more than a password was proved, here or by an upstream provider."""
        return "mfa" in self.amr

    def is_fresh(self, within: timedelta) -> bool:
        """Tells whether the person proved who she is a short time ago."""
        return datetime.now(UTC).timestamp() - self.auth_time <= within.total_seconds()


class Logins:
    """The sessions of people, as the requests of their browsers name them."""

    def __init__(
        self, accounts: Accounts, sessions: Sessions, origin: str, forms_key: Callable[[], bytes]
    ) -> None:
        self.accounts = accounts
        self.sessions = sessions
        self._is_secure = origin.startswith("https://")
        self._forms_key = forms_key

    # --- who -------------------------------------------------------------------------------------

    def current(self, request: Request) -> Login | None:
        """Returns the person of a request; None when nobody is logged in, or not with all factors."""
        session, account = self.pending(request)
        if session is None or account is None or not session.complete:
            return None
        self.sessions.see(session, LIFETIMES[account.kind])
        return _login(session, account)

    def pending(self, request: Request) -> tuple[Session | None, Account | None]:
        """Returns the session of a request and its account, also while a second factor is missing."""
        secret = request.cookies.get(self._name("login"), "")
        session = self.sessions.find(secret) if secret else None
        account = self.accounts.get(session.account_id) if session is not None else None
        if session is None or account is None or account.disabled_at is not None:
            return None, None
        return session, account

    def is_alive(self, session_id: str) -> bool:
        """Tells whether a session still exists: what online_access hangs on."""
        session = self.sessions.get(session_id)
        account = self.accounts.get(session.account_id) if session is not None else None
        return account is not None and account.disabled_at is None

    # --- begin and end ---------------------------------------------------------------------------

    def begin(self, request: Request, account: Account, amr: Sequence[str], **fields: Any) -> Session:
        """Starts a session under a new secret; what the browser had before is over.

        `complete` and `acr` say what was proved; a complete login also gets a new browser name.
        """
        self.end(request)
        complete = bool(fields.pop("complete", True))
        lifetime = LIFETIMES[account.kind] if complete else _HALF
        activities = fields.pop("activities", None) or list(account.activities)
        only = activities[0] if len(activities) == 1 else {}
        secret, session = self.sessions.start(
            account.account_id,
            lifetime,
            complete=complete,
            amr=list(amr),
            activities=activities,
            activity=only,
            **fields,
        )
        g.auth_login_cookie = secret
        if complete:
            g.auth_browser = g.auth_browser_cookie = new_value()
        return session

    def end(self, request: Request) -> None:
        """Ends the session of a browser."""
        secret = request.cookies.get(self._name("login"), "")
        session = self.sessions.find(secret) if secret else None
        if session is not None:
            self.sessions.end(session.digest)
        g.auth_login_cookie = ""

    # --- browser and forms -----------------------------------------------------------------------

    def browser(self, request: Request) -> str:
        """Returns the name of the browser, a new one when it has none."""
        if "auth_browser" not in g:
            given = request.cookies.get(self._name("browser"), "")
            if not 40 <= len(given) <= 100:
                given = g.auth_browser_cookie = new_value()
            g.auth_browser = given
        return str(g.auth_browser)

    def form_token(self, request: Request, purpose: str) -> str:
        """Returns what a form must send back: bound to the browser, the session and what the form is for."""
        secret = request.cookies.get(self._name("login"), "") if "auth_login_cookie" not in g else ""
        secret = g.get("auth_login_cookie") or secret
        text = "\0".join((self.browser(request), secret, purpose))
        return hmac.new(self._forms_key(), text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def is_genuine(self, request: Request, purpose: str) -> bool:
        """Tells whether a form was made by us for this browser, session and purpose."""
        given = request.form.get("form_token", "")
        expected = self.form_token(request, purpose)
        return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())

    def set_cookies(self, response: Response) -> Response:
        """Gives the browser what changed during the request."""
        login = g.pop("auth_login_cookie", None)
        if login is not None:
            self._set(response, "login", login, None if login else 0)
        browser = g.pop("auth_browser_cookie", None)
        if browser:
            self._set(response, "browser", browser, _BROWSER_SECONDS)
        return response

    def _set(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            self._name(name),
            value,
            max_age=max_age,
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="Lax",
        )

    def _name(self, name: str) -> str:
        # __Host-: no other host of the domain and no plain HTTP page can plant one (RFC 6265bis §4.1.3).
        return f"__Host-auth-{name}" if self._is_secure else f"auth-{name}"


def current_login(request: Request) -> Login | None:
    """Returns the person who is logged in, by the cookies of a request to this application."""
    logins: Logins = current_app.extensions[EXTENSION]
    return logins.current(request)


def _login(session: Session, account: Account) -> Login:
    return Login(
        account_id=account.account_id,
        username=account.username,
        display=account.display,
        kind=account.kind,
        fhir_user=account.fhir_user,
        patients=tuple(account.patients),
        auth_time=int(session.auth_time.timestamp()),
        proved_at=session.auth_time.timestamp(),
        acr=session.acr,
        amr=tuple(session.amr),
        activity=dict(session.activity),
        activities=tuple(dict(activity) for activity in session.activities),
        session_id=session.digest,
    )
