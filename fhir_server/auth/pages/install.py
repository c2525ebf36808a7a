"""Puts the pages for people into the Flask application, beside the authorization server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.wrappers import Response

from fhir_server.audit.record import AuditRecorder
from fhir_server.auth.decision import Decision
from fhir_server.auth.pages.blueprints import build_pages
from fhir_server.auth.pages.page import Pages
from fhir_server.auth.passkeys import RelyingParty
from fhir_server.auth.people import People
from fhir_server.auth.session import EXTENSION, Logins
from fhir_server.auth.stores import Stores
from fhir_server.auth.throttle import Throttle
from fhir_server.auth.upstream import Upstream, read_providers
from fhir_server.interactions.messages import FhirRequest, FhirResponse
from fhir_server.policy.context import AccessContext
from fhir_server.settings import Settings
from fhir_server.storage.attempts import Attempts
from fhir_server.storage.documents import Documents
from fhir_server.storage.upstream_logins import UpstreamLogins

_DAY = 86_400


class Parts(Protocol):
    """What the pages need of the whole."""

    @property
    def settings(self) -> Settings: ...
    @property
    def documents(self) -> Documents: ...
    @property
    def oauth(self) -> Stores: ...
    @property
    def audit(self) -> AuditRecorder: ...
    @property
    def logins(self) -> Logins: ...
    def interact(self, context: AccessContext, request: FhirRequest) -> FhirResponse: ...


def origin_of(url: str) -> str:
    """Returns the origin of a URL. RFC 6454"""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def install_pages(app: Flask, parts: Parts, finish: Callable[[str, Decision], Response]) -> Pages:
    """Registers the pages; `finish` ends an authorization request."""
    settings, prefix = parts.settings, urlsplit(parts.settings.issuer_url).path or "/auth"
    providers = read_providers(settings.identity_providers)
    people = People(
        logins=parts.logins,
        throttle=Throttle(Attempts(parts.documents)),
        relying_party=RelyingParty(origin_of(settings.issuer_url)),
        upstream=Upstream(providers, UpstreamLogins(parts.documents), f"{settings.issuer_url}/upstream"),
        requests=parts.oauth.requests,
        clients=parts.oauth.clients,
        grants=parts.oauth.grants,
        families=parts.oauth.families,
        finish=finish,
        interact=parts.interact,
        second_factor=settings.second_factor,
        refresh_days=max(1, settings.refresh_seconds // _DAY),
        record=parts.audit.record_security,
        private_addresses=settings.private_addresses,
        professions=read_professions(settings.artefacts),
    )
    app.extensions[EXTENSION] = parts.logins
    app.extensions["fhir_server_people"] = people
    pages = Pages(people)
    for blueprint in build_pages(pages, prefix):
        app.register_blueprint(blueprint)
    return pages


def read_professions(artefacts: Path) -> Mapping[str, str]:
    """Returns the professions of TRE_G15 in words, by code; none where the artefacts lack them."""
    path = artefacts / "profiles" / "CodeSystem-TRE-G15-ProfessionSante.json"
    if not path.is_file():
        return {}
    concepts = json.loads(path.read_text("utf-8")).get("concept", [])
    return {concept["code"]: concept["display"] for concept in concepts}
