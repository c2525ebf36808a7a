"""Liveness and readiness, for the machine that runs the server; they tell nothing of its data."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response

from fhir_server.errors import FhirError

OPEN = frozenset({"health.live", "health.ready"})


def build_health(check: Callable[[], None]) -> Blueprint:
    """Returns /health/live and /health/ready; `check` raises FhirError when the database is away."""
    blueprint = Blueprint("health", __name__, url_prefix="/health")

    @blueprint.get("/live")
    def live() -> Response:
        return _status("alive", 200)

    @blueprint.get("/ready")
    def ready() -> Response:
        try:
            check()
        except FhirError as error:
            return _status(error.diagnostics, 503)
        return _status("ready", 200)

    return blueprint


def _status(text: str, status: int) -> Response:
    return Response(
        f"{text}\n", status, [("Cache-Control", "no-store")], content_type="text/plain; charset=utf-8"
    )
