"""The URLs of the pages for people: /auth/login …, and the administrator's /admin/clients."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g, request, send_from_directory
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from fhir_server.auth.journey import Journey
from fhir_server.auth.pages.access import build_access
from fhir_server.auth.pages.activity import build_activity
from fhir_server.auth.pages.clients import build_client, build_clients
from fhir_server.auth.pages.consent import build_consent
from fhir_server.auth.pages.emergency import build_emergency
from fhir_server.auth.pages.encounter import build_encounter
from fhir_server.auth.pages.enrol import build_enrol
from fhir_server.auth.pages.login import build_login, build_logout
from fhir_server.auth.pages.new_password import build_new_password
from fhir_server.auth.pages.page import HERE, Pages, protect
from fhir_server.auth.pages.patient import build_patient
from fhir_server.auth.pages.second_factor import build_second_factor
from fhir_server.auth.pages.security import build_security
from fhir_server.auth.pages.upstream import build_come_back, build_leave
from fhir_server.errors import FhirError

_log = logging.getLogger("fhir_server")
MOST_BYTES = 100_000
"""Of a form: the longest has a WebAuthn answer."""
OPEN = frozenset(
    f"people.{name}"
    for name in (
        "login",
        "logout",
        "new_password",
        "second_factor",
        "enrol",
        "activity",
        "patient",
        "encounter",
        "consent",
        "emergency",
        "access",
        "security",
        "leave",
        "come_back",
        "asset",
    )
) | {"admin.clients", "admin.client"}
"""Answer without access token: pages for browsers, which lead to the login page or show it."""

_BOTH = ["GET", "POST"]


def build_pages(pages: Pages, prefix: str = "/auth") -> tuple[Blueprint, Blueprint]:
    """Returns the blueprints of the pages for all people and for administrators."""
    own, admin = Blueprint("people", __name__, url_prefix=prefix), Blueprint("admin", __name__)
    for name, view in (
        ("login", build_login(pages)),
        ("new-password", build_new_password(pages)),
        ("second-factor", build_second_factor(pages)),
        ("enrol", build_enrol(pages)),
        ("activity", build_activity(pages)),
        ("patient", build_patient(pages)),
        ("encounter", build_encounter(pages)),
        ("consent", build_consent(pages)),
        ("emergency", build_emergency(pages)),
        ("access", build_access(pages)),
        ("security", build_security(pages)),
    ):
        _add(pages, own, f"/{name}", name, view, _BOTH)
    _add(pages, own, "/logout", "logout", build_logout(pages), ["POST"])
    _add(pages, own, "/upstream/<name>", "leave", build_leave(pages), _BOTH)
    _add(pages, own, "/upstream/<name>/callback", "come-back", build_come_back(pages), ["GET"])
    _add(pages, own, "/static/<name>", "asset", _asset, ["GET"])
    _add(pages, admin, "/admin/clients", "clients", build_clients(pages), _BOTH)
    _add(pages, admin, "/admin/clients/<client_id>", "client", build_client(pages), _BOTH)
    for blueprint in (own, admin):
        blueprint.after_request(pages.people.logins.set_cookies)
        blueprint.after_request(protect)
    return own, admin


def _asset(name: str) -> Response:
    response = send_from_directory(HERE / "static", name, max_age=3600)
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def _add(
    pages: Pages,
    blueprint: Blueprint,
    rule: str,
    name: str,
    view: Callable[..., AnyResponse],
    methods: list[str],
) -> None:
    blueprint.add_url_rule(
        rule,
        name.replace("-", "_"),
        _guarded(pages, view),
        methods=methods,
        provide_automatic_options=False,
    )


def _guarded(pages: Pages, view: Callable[..., AnyResponse]) -> Callable[..., AnyResponse]:
    """No input makes a traceback, and what fails is told on a page."""

    @wraps(view)
    def answer(**arguments: str) -> Any:
        request.max_content_length = MOST_BYTES
        try:
            return view(**arguments)
        except FhirError as error:
            return _sorry(pages, error.status)
        except HTTPException as error:
            return _sorry(pages, error.code or 500)
        except Exception:
            _log.exception("page failed", extra={"fields": {"request_id": g.get("request_id", "")}})
            return _sorry(pages, 500)

    return answer


def _sorry(pages: Pages, status: int) -> Response:
    reasons = {404: "not-found", 403: "forbidden", 413: "form", 400: "form"}
    reason = reasons.get(status, "form" if status < 500 else "later")
    # No login is looked up: the database may be what failed.
    return pages.render("error", Journey(), status, reason=reason)
