"""SMART scopes at grant time: asked ∩ allowed to the client ∩ granted by the person, in the form asked.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html, docs/security/scopes.md
What a scope means is the business of `policy.scopes`, what two of them share of `policy.narrowing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid
from fhir_server.policy import narrowing
from fhir_server.policy.scopes import (
    INTROSPECT,
    LAUNCH,
    MAX_CHARACTERS,
    MAX_SCOPES,
    OPERATOR,
    URI_PREFIX,
    Rule,
    Scopes,
    join_scopes,
    parse_scope,
)

__all__ = ["CONTEXT", "IDENTITY", "INTROSPECT", "LAUNCH", "OPERATOR", "REFRESH"]

IDENTITY = ("openid", "fhirUser", "profile")
CONTEXT = ("launch", "launch/patient", "launch/encounter")
REFRESH = ("offline_access", "online_access")


def split_scopes(text: str) -> list[str]:
    """Returns the scopes of a scope parameter once each, in order; raises Invalid for what is none.

    Names that mean nothing here are left out, as RFC 6749 §3.3 allows; broken resource scopes are refused.
    """
    if len(text) > MAX_CHARACTERS or len(text.split(" ")) > MAX_SCOPES:
        raise Invalid("there are too many scopes", "scope")
    found: dict[str, None] = {}
    for scope in text.split():
        try:
            _parse(scope)
        except Invalid:
            if "/" in scope and not scope.removeprefix(URI_PREFIX).startswith("launch/"):
                raise
            continue
        found[scope] = None
    return list(found)


def is_resource_scope(scope: str) -> bool:
    """Tells whether a scope says something about resources."""
    return isinstance(_parse(scope), Rule)


def levels(scopes: Iterable[str]) -> frozenset[str]:
    """Returns patient, user, system: those that the scopes speak of."""
    return frozenset(rule.level for rule in _join(scopes).rules)


def narrow(asked: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Returns asked ∩ allowed: each asked scope as far as the allowed ones reach, in the form asked."""
    bound = _join(allowed)
    found: dict[str, None] = {}
    for scope in asked:
        try:
            one = _join([scope])
        except Invalid:
            continue
        left = narrowing.narrow(one, bound).text.split()
        if not left and one.context and _is_inferred(one.context[0], bound):
            left = [scope]
        found.update(dict.fromkeys(left))
    return list(found)


def _is_inferred(name: str, bound: Scopes) -> bool:
    """launch/patient is inferred from patient/ scopes; launch/<type>?role= from launch."""
    if name == "launch/patient" and any(rule.level == "patient" for rule in bound.rules):
        return True
    return name.startswith("launch/") and name not in CONTEXT and "launch" in bound.context


def _parse(scope: str) -> Rule | str:
    return parse_scope(scope, load_definitions().resource_types)


def _join(scopes: Iterable[str]) -> Scopes:
    """Returns those of the scopes that this release knows, as one."""
    known: list[Rule | str] = []
    for scope in scopes:
        try:
            known.append(_parse(scope))
        except Invalid:
            continue
    return join_scopes(known, "")
