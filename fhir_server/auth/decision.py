"""What the pages tell the authorization endpoint: who decided what. RFC 6749 §4.1.2, §4.1.2.1"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Person(Protocol):
    """A login, as far as authorization needs it; `auth.session.Login` is one."""

    @property
    def account_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def fhir_user(self) -> str: ...
    @property
    def patients(self) -> Sequence[str]: ...
    @property
    def auth_time(self) -> int: ...
    @property
    def acr(self) -> str: ...
    @property
    def amr(self) -> Sequence[str]: ...
    @property
    def session_id(self) -> str: ...
    @property
    def activity(self) -> Mapping[str, str]: ...
    @property
    def activities(self) -> Sequence[Mapping[str, str]]: ...


@dataclass(frozen=True, slots=True)
class Granted:
    """The person agrees."""

    person: Person
    scopes: tuple[str, ...]
    """Those of AuthorizationRequest.scopes, or narrower ones, that the person left ticked."""
    patient: str = ""
    """Logical id of the record that was chosen; an EHR launch has its own."""
    encounter: str = ""
    remember: bool = False
    reason: str = ""
    """Why the record is opened in an emergency."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The person, or a page, refuses."""

    error: str = "access_denied"
    """access_denied, login_required, consent_required, interaction_required, server_error"""
    description: str = ""


Decision = Granted | Denied
