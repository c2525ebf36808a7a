"""A record that is opened in an emergency: one, to read, for an hour at most, and not without a reason.

Code de la santé publique L1111-17 I, R1111-48; docs/security/emergency.md. An app asks for it by
`purpose_of_use`, with codes of http://terminology.hl7.org/CodeSystem/v3-ActReason.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources

from fhir_server.auth.scopes import narrow
from fhir_server.auth.session import Login

PARAMETER = "purpose_of_use"
BREAK_GLASS, REGULATION = "BTG", "ETREAT"
PURPOSES = frozenset({BREAK_GLASS, REGULATION})
FRESH = timedelta(minutes=5)
"""How long ago the person may have proved who she is."""
SHORTEST_TEXT, LONGEST_TEXT = 20, 1000
SECONDS = 3600
_SCOPES = ("openid", "fhirUser", "profile", "launch", "launch/patient", "launch/encounter", "user/*.rs")


@dataclass(frozen=True, slots=True)
class Reason:
    """A row of emergency_reasons.csv."""

    code: str
    fr: str
    en: str


def purpose_of(parameters: Mapping[str, str]) -> str:
    """Returns the emergency that an authorization request names, "" for none."""
    return parameters.get(PARAMETER, "")


def readable(scopes: Sequence[str]) -> list[str]:
    """Returns what is left of scopes in an emergency: to read, as the professional that one is, and once."""
    return narrow(scopes, _SCOPES)


def is_proved(login: Login) -> bool:
    """Tells whether a person has proved who she is well enough, and a short time ago."""
    return login.has_two_factors and login.is_fresh(FRESH)


@cache
def reasons(purpose: str) -> tuple[Reason, ...]:
    """Returns the reasons that an emergency can have."""
    text = resources.files(__package__).joinpath("emergency_reasons.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(Reason(row["code"], row["fr"], row["en"]) for row in rows if row["purpose"] == purpose)
