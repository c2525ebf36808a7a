"""Every URL answers 401 without a token, except those that are declared open. RFC 6750 §3"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fhir_server.app import create_app
from fhir_server.auth import routes as auth_routes
from fhir_server.auth.pages import blueprints as pages
from fhir_server.interactions.answer import ROUTES
from fhir_server.rest import health
from fhir_server.rest.routes import METHODS
from fhir_server.settings import load_settings

OPEN_INTERACTIONS = {"capabilities"}
OPEN_ENDPOINTS = {"health.live", "health.ready"}
# They authenticate clients, begin a login, or say what anyone may know. RFC 6749 §3, RFC 8414
OPEN_TO_CLIENTS = {
    f"auth.{name}"
    for name in (
        "authorize",
        "token",
        "revoke",
        "introspect",
        "par",
        "register",
        "registered",
        "jwks",
        "configuration",
        "metadata",
    )
} | {"discovery.smart"}
# Pages, which lead to the login page or show it: tests/security/people holds them to that.
OPEN_TO_BROWSERS = {
    f"people.{name}"
    for name in (
        "login",
        "logout",
        "new_password",
        "second_factor",
        "enrol",
        "activity",
        "patient",
        "emergency",
        "encounter",
        "consent",
        "access",
        "security",
        "leave",
        "come_back",
        "asset",
    )
} | {"admin.clients", "admin.client"}
ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
SAMPLE = {"<type>": "Patient", "<id>": "1", "<vid>": "1", "<member>": "Observation"}
REFUSED = [None, "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token abc", "Bearer é"]


@pytest.fixture(scope="module")
def app() -> Flask:
    """A server whose database is never asked: who has no token does not come that far."""
    settings = {
        "MONGODB_URI": "mongodb://127.0.0.1:1/",
        "PAGE_SECRET": base64.b64encode(bytes(32)).decode(),
        "LOG_LEVEL": "ERROR",
    }
    return create_app(load_settings(settings))


@pytest.fixture(scope="module")
def http(app: Flask) -> FlaskClient:
    return app.test_client()


def paths() -> Iterator[tuple[str, str, bool]]:
    """Yields (method, path, open) for every cell of the table, and for methods and paths that are none."""
    for shape, interactions in ROUTES.items():
        path = "/".join(["/fhir", *(SAMPLE.get(part, part) for part in shape)])
        for method in ALL_METHODS:
            interaction = interactions.get("GET" if method == "HEAD" else method)
            yield method, path, interaction is not None and interaction.open
    for method in ALL_METHODS:
        for path in ("/fhir/", "/fhir/Nothing", "/fhir/Patient/1/$everything", "/fhir/a/b/c/d/e/f"):
            yield method, path, False


@pytest.mark.parametrize(("method", "path", "is_open"), list(paths()))
def test_a_fhir_url_answers_401_without_a_token(
    http: FlaskClient, method: str, path: str, is_open: bool
) -> None:
    answer = http.open(path, method=method)
    assert answer.status_code == (200 if is_open else 401)
    if not is_open:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("header", REFUSED)
def test_a_header_that_holds_no_bearer_token_opens_nothing(http: FlaskClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = http.get("/fhir/Patient/1", headers=headers)
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["issue"][0]["code"] == "login"


def test_a_token_in_the_url_opens_nothing(http: FlaskClient) -> None:
    assert http.get("/fhir/Patient?access_token=abc").status_code == 401


def test_nothing_else_is_declared_open() -> None:
    found = {i.code for methods in ROUTES.values() for i in methods.values() if i.open}
    assert found == OPEN_INTERACTIONS
    assert health.OPEN == OPEN_ENDPOINTS
    assert auth_routes.OPEN == OPEN_TO_CLIENTS
    assert pages.OPEN == OPEN_TO_BROWSERS


def test_every_url_rule_of_the_application_is_closed_or_declared_open(app: Flask, http: FlaskClient) -> None:
    tried = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "Patient/1", rule.rule)
        for method in rule.methods or set():
            if rule.endpoint in OPEN_ENDPOINTS | OPEN_TO_CLIENTS | OPEN_TO_BROWSERS:
                continue
            tried.add(method)
            assert http.open(path, method=method).status_code == 401, (method, path)
    assert tried == {*METHODS, "HEAD"}


def test_the_open_health_pages_hold_one_word(http: FlaskClient) -> None:
    assert http.get("/health/live").data == b"alive\n"
