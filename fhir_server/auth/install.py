"""Puts the authorization server into the Flask application."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from flask import Flask

from fhir_server.audit.record import AuditRecorder
from fhir_server.auth.authorize import AuthorizationEndpoint, CurrentPerson, ErrorPage
from fhir_server.auth.bearer import Authenticator
from fhir_server.auth.register import Registration
from fhir_server.auth.routes import AuthApi, build_auth_api, build_discovery
from fhir_server.auth.server import SmartServer
from fhir_server.auth.stores import Stores
from fhir_server.settings import Settings

EXTENSION = "fhir_server_authorization"


class Parts(Protocol):
    """What the authorization server needs of the whole."""

    @property
    def settings(self) -> Settings: ...
    @property
    def oauth(self) -> Stores: ...
    @property
    def audit(self) -> AuditRecorder: ...
    @property
    def authenticator(self) -> Authenticator: ...
    @property
    def metadata(self) -> dict[str, object]: ...


def install_auth(
    app: Flask,
    parts: Parts,
    current_person: CurrentPerson,
    show_error: ErrorPage,
) -> AuthApi:
    """Registers the blueprints; the pages for people call `finish` of what is returned here."""
    settings = parts.settings
    server = SmartServer(settings, parts.oauth, parts.audit)
    authorization = AuthorizationEndpoint(server, current_person, show_error)
    registration = Registration(parts.oauth.clients, parts.audit, settings)
    api = AuthApi(server, parts.authenticator, authorization, registration, parts.metadata)
    app.extensions[EXTENSION] = api
    app.register_blueprint(build_auth_api(urlsplit(settings.issuer_url).path or "/auth", api))
    app.register_blueprint(build_discovery(urlsplit(settings.base_url).path or "/fhir", api))
    return api
