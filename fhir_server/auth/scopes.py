"""SMART scopes at grant time: asked ∩ allowed to the client ∩ granted by the person, in the form asked.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
What a scope on resources means, and what two of them have in common, is the business of `policy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid
from fhir_server.policy import narrowing
from fhir_server.policy.scopes import (
    MAX_CHARACTERS,
    MAX_SCOPES,
    URI_PREFIX,
    Rule,
    join_scopes,
    parse_scope,
)

IDENTITY = ("openid", "fhirUser", "profile")
CONTEXT = ("launch", "launch/patient", "launch/encounter")
REFRESH = ("offline_access", "online_access")
INTROSPECT, LAUNCH = "__introspect", "__launch"
"""May introspect tokens of all clients; may open apps for the persons of an EHR."""
OPERATOR = (INTROSPECT, LAUNCH)
NAMED = frozenset({*IDENTITY, *CONTEXT, *REFRESH, *OPERATOR})
"""All that say nothing of resources, but launch/<type>."""


def split_scopes(text: str) -> list[str]:
    """Returns the scopes of a scope parameter once each, in order; raises Invalid for what is none.

    Names that mean nothing here are left out, as RFC 6749 §3.3 allows; broken resource scopes are refused.
    """
    words = text.split()
    if len(text) > MAX_CHARACTERS or len(words) > MAX_SCOPES:
        raise Invalid("there are too many scopes", "scope")
    found: dict[str, None] = {}
    for word in words:
        bare = word.removeprefix(URI_PREFIX)
        if is_resource_scope(word):
            found[word] = None
        elif bare in OPERATOR or _named(bare):
            found[bare] = None
        elif "/" in bare and not bare.startswith("launch/"):
            parse_scope(word, load_definitions().resource_types)  # raises, and says why
    return list(found)


def resource_scopes(scopes: Iterable[str]) -> list[str]:
    """Returns the scopes that say something about resources, without their URI prefix."""
    return [scope.removeprefix(URI_PREFIX) for scope in scopes if is_resource_scope(scope)]


def is_resource_scope(scope: str) -> bool:
    """Tells whether a scope says something about resources."""
    return isinstance(_read(scope), Rule)


def levels(scopes: Iterable[str]) -> frozenset[str]:
    """Returns patient, user, system: those that the scopes speak of."""
    return frozenset(rule.level for scope in scopes if isinstance(rule := _read(scope), Rule))


def narrow(asked: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Returns asked ∩ allowed: each asked scope as far as the allowed ones reach, in the form asked."""
    bound = join_scopes((rule for scope in allowed if isinstance(rule := _read(scope), Rule)), "")
    found: dict[str, None] = {}
    for scope in asked:
        rule = _read(scope)
        if isinstance(rule, Rule):
            try:
                left = narrowing.narrow(join_scopes([rule], ""), bound).text
            except Invalid:  # what is left cannot be said
                continue
            found.update(dict.fromkeys(left.split()))
        elif scope in allowed or _allows_context(scope, allowed):
            found[scope] = None
    return list(found)


def _allows_context(scope: str, allowed: Sequence[str]) -> bool:
    """launch/patient is inferred from patient/ scopes; launch/<type> from launch."""
    if scope == "launch/patient":
        return "patient" in levels(allowed)
    return scope.startswith("launch/") and "launch" in allowed and _named(scope)


def _named(scope: str) -> bool:
    return isinstance(_read(scope), str)


@lru_cache(maxsize=4096)
def _read(scope: str) -> Rule | str | None:
    """Returns a scope as `policy` reads it; None for what it does not know."""
    try:
        return parse_scope(scope, load_definitions().resource_types)
    except Invalid:
        return None
