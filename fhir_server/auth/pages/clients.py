"""The administrator's registry of clients: approve, edit, disable, new secrets. RFC 7591

For administrators who proved two factors a short time ago; nobody else learns that a client exists.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from authlib.oauth2 import OAuth2Error
from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.client_metadata import describe_metadata, read_metadata
from fhir_server.auth.journey import Journey
from fhir_server.auth.pages.page import Pages, View, go
from fhir_server.auth.pages.proof import fresh
from fhir_server.auth.pages.trail import note
from fhir_server.auth.session import Login
from fhir_server.storage.oauth.clients import AUTH_METHODS, PROFILES, Client

JOURNEY = Journey(next="clients")
OVERLAP_SECONDS = 86_400
"""The secret before stays valid for a day, so that the app can be changed without a break."""
_LINES = ("redirect_uris", "origins", "contacts")
_LINE = ("client_name", "launch_uri", "jwks_uri", "client_uri", "policy_uri")
_GRANTS = ("authorization_code", "refresh_token", "client_credentials")

AdministratorsView = Callable[..., Response]


def _administrators(pages: Pages) -> Callable[[AdministratorsView], Callable[..., Response]]:
    def wrap(page: AdministratorsView) -> Callable[..., Response]:
        @wraps(page)
        def view(**arguments: str) -> Response:
            def check(login: Login) -> Response:
                if login.kind != "administrator" or not login.has_two_factors:
                    return pages.error("forbidden", JOURNEY, 403)
                return page(login, **arguments)

            return fresh(pages, "clients")(check)()

        return view

    return wrap


def build_clients(pages: Pages) -> View:
    """Returns the page of all clients, and of a new one."""

    @_administrators(pages)
    def clients(login: Login) -> Response:
        if request.method == "POST":
            return _add(pages, login)
        if request.args.get("new") == "1":
            return _form(pages, login, None, {"grant_types": ["authorization_code"]})
        rows = sorted(pages.people.clients.list(), key=lambda row: row.status != "pending")
        return pages.render("clients", JOURNEY, login=login, clients=rows)

    return clients


def build_client(pages: Pages) -> Callable[[str], Response]:
    """Returns the page of one client."""

    @_administrators(pages)
    def client(login: Login, client_id: str) -> Response:
        row = pages.people.clients.find(client_id[:100])
        if row is None:
            return pages.error("not-found", JOURNEY, 404)
        if request.method != "POST":
            return _form(pages, login, row, describe_metadata(row))
        change = _CHANGES.get(request.form.get("change", ""))
        return pages.error("form", JOURNEY) if change is None else change(pages, login, row)

    return client


def _form(
    pages: Pages,
    login: Login,
    row: Client | None,
    metadata: dict[str, Any],
    problem: str = "",
    **shown: str,
) -> Response:
    return pages.render(
        "client",
        JOURNEY,
        400 if problem else 200,
        login=login,
        client=row,
        metadata=metadata,
        jwks=json.dumps(metadata["jwks"], indent=2) if metadata.get("jwks") else "",
        problem=problem,
        secret=shown.get("secret", ""),
        done=request.args.get("done") == "1",
        auth_methods=AUTH_METHODS,
        profiles=PROFILES,
        grant_types=_GRANTS,
    )


def read_form() -> dict[str, Any]:
    """Returns the form as the client metadata of RFC 7591; ValueError when its keys are not JSON."""
    document: dict[str, Any] = {
        "token_endpoint_auth_method": request.form.get("token_endpoint_auth_method", ""),
        "grant_types": request.form.getlist("grant_types"),
        "scope": " ".join(request.form.get("scope", "").split()),
    }
    document |= {name: value for name in _LINE if (value := request.form.get(name, "").strip())}
    document |= {name: lines for name in _LINES if (lines := request.form.get(name, "").split())}
    keys = request.form.get("jwks", "").strip()
    return {**document, "jwks": json.loads(keys)} if keys else document


def _read(pages: Pages) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Returns the metadata of the form, the fields of the registry, and what is wrong."""
    document: dict[str, Any] = {}
    try:
        document = read_form()
        fields = read_metadata(document, private_addresses=pages.people.private_addresses)
    except OAuth2Error as error:
        return document, {}, str(error.description)
    except (ValueError, RecursionError):
        return document, {}, "jwks: JSON"
    profile = request.form.get("profile", "standard")
    if profile not in PROFILES:
        return document, {}, "profile"
    return document, {**fields, "profile": profile}, ""


def _add(pages: Pages, login: Login) -> Response:
    document, fields, problem = _read(pages)
    if problem:
        return _form(pages, login, None, document, problem)
    client_id = str(uuid.uuid4())
    row = pages.people.clients.add(client_id, {**fields, "status": "active", "registered_by": login.username})
    note(pages.people, "client-changed", login, client_id=client_id)
    return _with_secret(pages, login, row)


def _with_secret(pages: Pages, login: Login, row: Client) -> Response:
    secret = ""
    if row.auth_method == "client_secret_basic":
        overlap = OVERLAP_SECONDS if row.secrets else 0
        secret = pages.people.clients.new_secret(str(row.client_id), overlap) or ""
    return _form(pages, login, row, describe_metadata(row), secret=secret)


def _save(pages: Pages, login: Login, row: Client) -> Response:
    document, fields, problem = _read(pages)
    if not problem and fields["auth_method"] != row.auth_method:
        problem = "token_endpoint_auth_method"
    if problem:
        return _form(pages, login, row, document, problem)
    return _changed(pages, login, row, fields)


def _rotate(pages: Pages, login: Login, row: Client) -> Response:
    note(pages.people, "client-changed", login, client_id=str(row.client_id))
    return _with_secret(pages, login, row)


def _set_status(status: str) -> Callable[[Pages, Login, Client], Response]:
    return lambda pages, login, row: _changed(pages, login, row, {"status": status})


def _changed(pages: Pages, login: Login, row: Client, fields: dict[str, Any]) -> Response:
    pages.people.clients.change(str(row.client_id), fields)
    note(pages.people, "client-changed", login, client_id=str(row.client_id))
    return go(f"/admin/clients/{row.client_id}?done=1")


_CHANGES: dict[str, Callable[[Pages, Login, Client], Response]] = {
    "save": _save,
    "approve": _set_status("active"),
    "disable": _set_status("disabled"),
    "rotate": _rotate,
}
"""What a form changes → what it answers."""
