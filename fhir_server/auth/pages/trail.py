"""What the pages leave in the audit trail, before the answer leaves. https://profiles.ihe.net/ITI/BALP"""

from __future__ import annotations

from typing import Any, Protocol

from flask import g, request

from fhir_server.audit.security_event import SecurityEvent
from fhir_server.auth.people import People


class Somebody(Protocol):
    """An account, or a login of one."""

    @property
    def username(self) -> str: ...
    @property
    def fhir_user(self) -> str: ...


def note(people: People, kind: str, who: Somebody, **facts: str) -> None:
    """Records what somebody did."""
    name = "" if who.fhir_user else who.username
    people.record(_event(kind, fhir_user=who.fhir_user, account=name, **facts))


def note_failure(people: People, username: str, reason: str) -> None:
    """Records a login that failed; the name is what was typed, since nobody is known by it."""
    people.record(_event("login", account=username or "-", denied=reason))


def _event(kind: str, **facts: Any) -> SecurityEvent:
    address, request_id = request.remote_addr or "", str(g.get("request_id", ""))
    return SecurityEvent(kind, address=address, request_id=request_id, **facts)
