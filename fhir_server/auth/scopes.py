"""SMART scopes at grant time: asked ∩ allowed to the client ∩ granted by the person, in the form asked.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
What a scope allows is the business of `policy.scopes`; here scopes are only narrowed and written again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid
from fhir_server.policy.scopes import parse_scopes

IDENTITY = ("openid", "fhirUser", "profile")
CONTEXT = ("launch", "launch/patient", "launch/encounter")
REFRESH = ("offline_access", "online_access")
INTROSPECT, LAUNCH = "__introspect", "__launch"
"""May introspect tokens of all clients; may open apps for the persons of an EHR."""
OPERATOR = (INTROSPECT, LAUNCH)
NAMED = frozenset({*IDENTITY, *CONTEXT, *REFRESH, *OPERATOR})

_PREFIX = "http://smarthealthit.org/fhir/scopes/"
_RESOURCE = re.compile(r"(patient|user|system)/(\*|[A-Za-z]+)\.([a-z*]+)(?:\?(.+))?")
_LAUNCH_OF_TYPE = re.compile(r"launch/([a-z]+)(\?role=\S+)?")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_MOST_SCOPES, _LONGEST = 200, 8192


def split_scopes(text: str) -> list[str]:
    """Returns the scopes of a scope parameter once each, in order; raises Invalid for what is none.

    Names that mean nothing here are left out, as RFC 6749 §3.3 allows; broken resource scopes are refused.
    """
    if len(text) > _LONGEST or len(text.split(" ")) > _MOST_SCOPES:
        raise Invalid("there are too many scopes", "scope")
    found: dict[str, None] = {}
    for scope in text.split():
        if scope in NAMED or is_launch_of_type(scope):
            found[scope] = None
        elif "/" in scope and not scope.startswith("launch/"):
            parse_scopes(scope.removeprefix(_PREFIX), load_definitions().resource_types)
            found[scope] = None
    return list(found)


def resource_scopes(scopes: Iterable[str]) -> list[str]:
    """Returns the scopes that say something about resources, without their URI prefix."""
    return [scope.removeprefix(_PREFIX) for scope in scopes if is_resource_scope(scope)]


def named_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Returns the scopes of identity, context, refresh and operation."""
    return tuple(scope for scope in scopes if scope in NAMED or is_launch_of_type(scope))


def is_resource_scope(scope: str) -> bool:
    """Tells whether a scope says something about resources."""
    return _RESOURCE.fullmatch(scope.removeprefix(_PREFIX)) is not None


def levels(scopes: Iterable[str]) -> frozenset[str]:
    """Returns patient, user, system: those that the scopes speak of."""
    return frozenset(scope.partition("/")[0] for scope in resource_scopes(scopes))


def is_launch_of_type(scope: str) -> bool:
    """Tells whether a scope is launch/<type>?role=<role>."""
    match = _LAUNCH_OF_TYPE.fullmatch(scope)
    return match is not None and match[1] in _types_in_lower_case()


def narrow(asked: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Returns asked ∩ allowed: each asked scope as far as the allowed ones reach, in the form asked."""
    found: dict[str, None] = {}
    for scope in asked:
        if not is_resource_scope(scope):
            if scope in allowed or (scope.startswith("launch/") and _allows_context(scope, allowed)):
                found[scope] = None
            continue
        found.update(dict.fromkeys(_narrow_resource(scope, resource_scopes(allowed))))
    return list(found)


def _allows_context(scope: str, allowed: Sequence[str]) -> bool:
    """launch/patient is inferred from patient/ scopes; launch/<type> from launch."""
    if scope == "launch/patient" and "patient" in levels(allowed):
        return True
    return is_launch_of_type(scope) and "launch" in allowed


def _narrow_resource(scope: str, allowed: Sequence[str]) -> list[str]:
    bare = scope.removeprefix(_PREFIX)
    if bare in allowed or scope in allowed:
        return [scope]
    level, type_, letters, query = _parts(bare)
    wider: dict[tuple[str, str], str] = {}
    for other in allowed:
        other_level, other_type, other_letters, other_query = _parts(other)
        left = _shared(_expand(letters), _expand(other_letters))
        if other_level != level or not left or ("*" not in (type_, other_type) and type_ != other_type):
            continue
        narrowest = other_type if type_ == "*" else type_
        key = (narrowest, _both(query, other_query))
        wider[key] = _union(wider.get(key, ""), left)
    prefix = _PREFIX if scope != bare else ""
    return [
        prefix + _write(level, narrowest, letters, left, query)
        for (narrowest, query), left in wider.items()
        if not _is_covered(narrowest, query, left, wider)
    ]


def _is_covered(type_: str, query: str, letters: str, wider: dict[tuple[str, str], str]) -> bool:
    """A part is left out when a wider part of the same scope says it already."""
    others = {("*", query), (type_, ""), ("*", "")} - {(type_, query)}
    return any(set(letters) <= set(wider.get(other, "")) for other in others)


def _parts(scope: str) -> tuple[str, str, str, str]:
    match = _RESOURCE.fullmatch(scope)
    if match is None:  # pragma: no cover - callers pass resource scopes
        raise Invalid(f"{scope[:100]!r} is no SMART scope", "scope")
    return match[1], match[2], match[3], match[4] or ""


def _write(level: str, type_: str, asked: str, letters: str, query: str) -> str:
    spelled = letters
    if asked in _VERSION_1:
        spelled = next((word for word, same in _VERSION_1.items() if same == letters), letters)
    return f"{level}/{type_}.{spelled}" + (f"?{query}" if query else "")


def _both(query: str, other: str) -> str:
    """All parameters of a granular scope must hold, so those of two are joined."""
    parameters = dict.fromkeys(part for part in (*query.split("&"), *other.split("&")) if part)
    return "&".join(parameters)


def _expand(letters: str) -> str:
    return _VERSION_1.get(letters, letters)


def _shared(one: str, other: str) -> str:
    return "".join(letter for letter in one if letter in other)


def _union(one: str, other: str) -> str:
    return "".join(letter for letter in "cruds" if letter in one or letter in other)


def _types_in_lower_case() -> frozenset[str]:
    return frozenset(name.lower() for name in load_definitions().resource_types)
