"""SMART scopes: parse and match. https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fhir_server.errors import Invalid

LEVELS = ("patient", "user", "system")
_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*|c?r?u?d?s?)(\?.*)?")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True, slots=True)
class Scopes:
    """What a token grants: (level, resource type or "*") → letters of "cruds"."""

    grants: tuple[tuple[str, str, str], ...]
    text: str

    def levels(self, resource_type: str, letter: str) -> frozenset[str]:
        """Returns the levels that grant an interaction letter on a resource type."""
        return frozenset(
            level
            for level, type_, letters in self.grants
            if letter in letters and type_ in (resource_type, "*")
        )


def parse_scopes(text: str, resource_types: tuple[str, ...]) -> Scopes:
    """Parses a space-separated scope string; raises Invalid for what this server cannot honour."""
    grants = tuple(_parse_scope(scope, resource_types) for scope in text.split())
    if not grants:
        raise Invalid("at least one scope is needed, for example system/*.rs", "scope")
    return Scopes(tuple(sorted(set(grants))), " ".join(sorted(set(text.split()))))


def _parse_scope(scope: str, resource_types: tuple[str, ...]) -> tuple[str, str, str]:
    match = _SCOPE.fullmatch(scope)
    if match is None or not match[3]:
        raise Invalid(f"{scope[:100]!r} is no SMART scope of the form system/Type.cruds", "scope")
    level, resource_type, letters, query = match.groups()
    if query is not None:
        raise Invalid(f"{scope[:100]!r}: scopes with search parameters are not offered", "scope")
    if resource_type != "*" and resource_type not in resource_types:
        raise Invalid(f"{resource_type} is no resource type of FHIR R4", "scope")
    return level, resource_type, _VERSION_1.get(letters, letters)
