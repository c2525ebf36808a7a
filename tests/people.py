"""People before a server: accounts, and a browser without JavaScript that fills in forms."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pyotp
import requests

from fhir_server.auth.passwords import hash_password

if TYPE_CHECKING:
    from fhir_server.storage.accounts import Account
    from tests.running_server import RunningServer

PASSWORD = "cheval correct batterie agrafe"
PASSWORD_HASH = hash_password(PASSWORD)
REDIRECT = "http://127.0.0.1:9/callback"
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class Form:
    """One form of a page: where it goes, and what it would send untouched."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.action = attributes.get("action", "")
        self.method = attributes.get("method", "get").lower()
        self.fields: list[tuple[str, str]] = []
        self.choices: list[tuple[str, str]] = []
        self.buttons: list[tuple[str, str]] = []

    def data(self, changes: Mapping[str, str | Sequence[str] | None]) -> list[tuple[str, str]]:
        """What is sent: the fields, those in `changes` with other values, or none (None)."""
        kept = [(name, value) for name, value in self.fields if name not in changes]
        for name, value in changes.items():
            values = [] if value is None else [value] if isinstance(value, str) else value
            kept += [(name, one) for one in values]
        return kept


class Page(HTMLParser):
    """What a page says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.headings: list[str] = []
        self.text = ""
        self._inside: list[str] = []
        self._link = ""
        self._textarea = ""
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given))
        elif tag in ("input", "button", "option") and self.forms:
            self._field(tag, given)
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "textarea":
            self._textarea = given.get("name", "")
        elif tag == "a":
            self._link = given.get("href", "")
        elif tag == "h1":
            self._inside.append("h1")
            self.headings.append("")

    def _field(self, tag: str, given: dict[str, str]) -> None:
        form, name, value = self.forms[-1], given.get("name", ""), given.get("value", "")
        kind = given.get("type", "text")
        if tag == "button":
            form.buttons.append((name, value))
        elif tag == "option":
            return
        elif kind in ("checkbox", "radio"):
            form.choices.append((name, value))
            if "checked" in given:
                form.fields.append((name, value))
        elif name:
            form.fields.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1" and self._inside:
            self._inside.pop()
        elif tag == "textarea":
            self._textarea = ""
        elif tag == "a":
            self._link = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._inside:
            self.headings[-1] += data
        if self._link and data.strip():
            self.links[" ".join(data.split())] = self._link
        if self._textarea and self.forms:
            self.forms[-1].fields.append((self._textarea, data))

    @property
    def heading(self) -> str:
        """The title of the page as it is read."""
        return " ".join(" ".join(self.headings).split())

    def form(self, action: str) -> Form:
        """The first form that goes to a path."""
        return next(form for form in self.forms if urlsplit(form.action).path == action)


class Browser:
    """One browser: cookies, the page it shows, and where it was last sent."""

    def __init__(self, server: RunningServer, language: str = "fr") -> None:
        self.origin = server.base_url.removesuffix("/fhir")
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Accept-Language"] = language
        self.answer = requests.Response()
        self.left_for = ""
        """The address of an app to which the browser was sent."""

    @property
    def page(self) -> Page:
        return Page(self.answer.text)

    @property
    def path(self) -> str:
        return urlsplit(self.answer.url).path

    def get(self, address: str) -> Page:
        return self._follow(self._ask("GET", address))

    def submit(self, action: str, /, **changes: str | Sequence[str] | None) -> Page:
        """Sends the form of the page that goes to `action`, with some fields changed."""
        form = self.page.form(action)
        return self.send(action, form.data(changes), form.method)

    def send(self, action: str, data: Any, method: str = "post", **options: Any) -> Page:
        if method == "get":
            return self.get(f"{action}?{urlencode(data)}")
        return self._follow(self._ask("POST", action, data=data, **options))

    def _ask(self, method: str, address: str, **options: Any) -> requests.Response:
        url = urljoin(self.origin, address)
        return self.session.request(method, url, allow_redirects=False, timeout=30, **options)

    def _follow(self, answer: requests.Response) -> Page:
        for _ in range(10):
            self.answer = answer
            if not answer.is_redirect:
                return self.page
            target = urljoin(answer.url, answer.headers["Location"])
            if not target.startswith(f"{self.origin}/"):
                self.left_for = target
                return self.page
            answer = self._ask("GET", target)
        raise AssertionError("redirects without end")

    # --- what people do ---------------------------------------------------------------------------

    def log_in(self, username: str, password: str = PASSWORD, key: str = "") -> Page:
        """Fills in the login page that is shown, and the second factor where it is asked."""
        self.submit("/auth/login", username=username, password=password)
        if key and self.path == "/auth/second-factor":
            self.submit("/auth/second-factor", code=pyotp.TOTP(key).now())
        return self.page

    def cookie(self, name: str) -> str:
        return self.session.cookies.get(name) or ""

    @property
    def returned(self) -> dict[str, str]:
        """The parameters with which the browser was sent back to the app."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.left_for).query).items()}


def add_account(server: RunningServer, username: str, kind: str = "patient", **fields: Any) -> Account:
    """Adds an account whose password is PASSWORD."""
    given = {"password_hash": PASSWORD_HASH, "display": f"Personne {username}", **fields}
    return server.inside.accounts.add(username, kind, given.pop("display"), **given)


def add_app(server: RunningServer, scope: str, **fields: Any) -> str:
    """Registers a public app and returns its client_id."""
    client_id = f"app-{secrets.token_hex(4)}"
    given = {
        "name": "Carnet de santé",
        "status": "active",
        "auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": [REDIRECT],
        "scope": scope,
        **fields,
    }
    server.inside.oauth.clients.add(client_id, given)
    return client_id


VERIFIER = "v" * 64


def authorize_url(server: RunningServer, client_id: str, scope: str, **parameters: str) -> str:
    """The address at which an app begins."""
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT,
        "scope": scope,
        "state": secrets.token_urlsafe(24),
        "aud": server.base_url,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        **parameters,
    }
    return f"/auth/authorize?{urlencode(fields)}"


def exchange(server: RunningServer, client_id: str, code: str) -> dict[str, Any]:
    """Redeems a code as the app would."""
    answer = requests.post(
        f"{server.base_url.removesuffix('/fhir')}/auth/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "client_id": client_id,
            "code_verifier": VERIFIER,
        },
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())
