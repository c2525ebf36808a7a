"""Serves the sample SMART app of seed_data/sample_app, for the demonstration. SAMPLE_APP=true"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Response, send_from_directory

OPEN = frozenset({"sample_app.page", "sample_app.file"})
"""Answer without access token: an app is a page that anyone may load."""


def build_sample_app(folder: Path, base_url: str, issuer_url: str) -> Blueprint:
    """Returns the blueprint of the app; it may speak to this server only."""
    blueprint = Blueprint("sample_app", __name__, url_prefix="/sample-app")
    servers = {f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, (base_url, issuer_url))}
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; "
        f"base-uri 'none'; form-action 'none'; connect-src 'self' {' '.join(sorted(servers))}"
    )

    def send(name: str = "index.html") -> Response:
        response = send_from_directory(folder, name)
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-cache"
        return response

    for rule, name in (("/", "page"), ("/<name>", "file")):
        blueprint.add_url_rule(rule, name, send, methods=["GET"], provide_automatic_options=False)
    return blueprint
