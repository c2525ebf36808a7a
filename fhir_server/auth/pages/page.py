"""Makes a page of a template: language, form tokens, and the headers that keep others out of it.

https://www.w3.org/TR/CSP3/, OWASP ASVS 5 §3.4. No inline script or style, nothing from elsewhere, no frame.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from flask import Response, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from fhir_server.auth.journey import Journey
from fhir_server.auth.language import COOKIE, LANGUAGES, choose_language, in_words, translations
from fhir_server.auth.people import People
from fhir_server.auth.session import Login

View = Callable[[], AnyResponse]
"""A page; what it needs it was built with."""

HERE = Path(__file__).parent.parent
_LANGUAGE_SECONDS = 365 * 86_400


@cache
def _templates(language: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {"birth": _birth, "in_fours": _in_fours, "web_address": _web_address}
    environment.filters["day"] = partial(in_words, language=language)
    environment.filters["moment"] = partial(in_words, language=language, time=True)
    return environment


def _birth(date: str) -> str:
    """2026-02-17 → 17/02/2026, in both languages: the order that France uses on its cards."""
    return "/".join(reversed(date.split("-")))


def _in_fours(key: str) -> str:
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))


def _web_address(address: str) -> str:
    """An address that may stand in a link: javascript: and data: may not, whoever registered them."""
    return address if address.startswith(("https://", "http://")) else ""


class Pages:
    """Renders pages for one set of people."""

    def __init__(self, people: People) -> None:
        self.people = people

    def language(self, journey: Journey | None = None) -> str:
        """Returns the language of this request, chosen once."""
        if "auth_language" not in g:
            pending = journey.pending if journey is not None else None
            g.auth_language = choose_language(
                request, pending.parameters.get("ui_locales", "") if pending is not None else ""
            )
        return str(g.auth_language)

    def render(self, template: str, journey: Journey, status: int = 200, **values: Any) -> Response:
        """Returns a page; `values` are what its template names."""
        language = self.language(journey)
        logins = self.people.logins
        text = (
            _templates(language)
            .get_template(f"{template}.html")
            .render(
                language=language,
                other_languages=[(code, _language_link(code)) for code in LANGUAGES if code != language],
                journey=journey,
                form_token=partial(logins.form_token, request),
                login=values.pop("login", None),
                **values,
            )
        )
        response = Response(text, status, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _policy(journey.targets)
        return response

    def error(self, reason: str, journey: Journey, status: int = 400) -> Response:
        """Returns the page that says what went wrong; `reason` is a name that its template knows."""
        return self.render("error", journey, status, reason=reason, login=self.login())

    def refusal(self, reason: str) -> Response:
        """Returns the page for a request that cannot be answered; `reason` is for developers of apps."""
        page = self.render("refusal", Journey(), 400, reason=reason)
        return protect(self.people.logins.set_cookies(page))

    def login(self) -> Login | None:
        """Returns who is logged in."""
        return self.people.logins.current(request)

    def is_genuine(self, purpose: str) -> bool:
        """Tells whether the form that was sent is one of ours."""
        return self.people.logins.is_genuine(request, purpose)


def go(address: str) -> AnyResponse:
    """Returns a redirect after which the browser asks with GET."""
    return redirect(address, 303)


def protect(response: Response) -> Response:
    """Adds to a page what no page may lack; on the way out, so that errors have it too."""
    response.headers.setdefault("Content-Security-Policy", _policy(()))
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
    language = g.pop("auth_language_cookie", None)
    if language:
        response.set_cookie(
            COOKIE, language, max_age=_LANGUAGE_SECONDS, path="/", httponly=True, samesite="Lax"
        )
    return response


def _policy(targets: tuple[str, ...]) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "img-src 'self' data:",
            " ".join(("form-action 'self'", *targets)),
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def _language_link(code: str) -> str:
    kept = {name: request.args[name] for name in ("request", "next") if name in request.args}
    return "?" + urlencode({**kept, "lang": code})
