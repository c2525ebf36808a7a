"""Value sets: which codes are in them. https://hl7.org/fhir/R4/valueset.html#compositions

What cannot be answered exactly is refused: a code that is missing from an expansion is a wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_server.errors import NotSupported, TooCostly
from fhir_server.fhir import Resource
from fhir_server.terminology.code_systems import Concepts, read_concepts

MAX_CODES = 10_000
_MAX_DEPTH = 16
"""Value sets inside each other."""

Find = Callable[[str, str], Resource | None]
"""Resource type and canonical → ValueSet or CodeSystem."""

Codes = set[tuple[str, str]]
"""(system, code)"""


def expand(value_set: Resource, find: Find) -> Codes:
    """Returns the codes of a ValueSet; raises NotSupported or TooCostly where it cannot say them all."""
    return _Expansion(find).of(value_set)


class _Expansion:
    """One expansion: what it has read already, and what it is reading."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._done: dict[str, Codes] = {}
        self._open: list[str] = []
        self._concepts: dict[str, Concepts] = {}

    def of(self, value_set: Resource) -> Codes:
        compose = value_set.get("compose")
        if not isinstance(compose, dict):
            return _bounded(_expanded(value_set))
        # Excluded codes are removed before the bound is looked at.
        included: Codes = set()
        active = compose.get("inactive") is False
        for row in _rows(compose.get("include")):
            included |= self._row(row, active=active)
        for row in _rows(compose.get("exclude")):
            included -= self._row(row, active=False)
        return _bounded(included)

    def _row(self, row: Resource, *, active: bool) -> Codes:
        """Returns what all parts of one include or exclude have in common."""
        parts = [self._value_set(canonical) for canonical in _texts(row.get("valueSet"))]
        system = row.get("system")
        if isinstance(system, str):
            parts.append({(system, code) for code in self._of_system(system, row, active=active)})
        if not parts:
            raise NotSupported("an include of the value set names neither a system nor a value set")
        return set.intersection(*parts)

    def _value_set(self, canonical: str) -> Codes:
        if canonical in self._done:
            return self._done[canonical]
        if canonical in self._open or len(self._open) >= _MAX_DEPTH:
            raise NotSupported(f"value set {canonical[:200]} includes itself, or too many others")
        found = self._find("ValueSet", canonical)
        if found is None:
            raise NotSupported(f"value set {canonical[:200]} is not known here")
        self._open.append(canonical)
        codes = self._done[canonical] = self.of(found)
        self._open.pop()
        return codes

    def _of_system(self, system: str, row: Resource, *, active: bool) -> set[str]:
        listed = _rows(row.get("concept"))
        filters = _rows(row.get("filter"))
        if listed and not active:
            return {c["code"] for c in listed if isinstance(c.get("code"), str)}
        version = row.get("version")
        concepts = self._code_system(f"{system}|{version}" if isinstance(version, str) else system)
        if listed:
            codes = {c["code"] for c in listed if c.get("code") in concepts.codes}
        elif filters:
            codes = set.intersection(*(_filtered(f, concepts) for f in filters))
        elif concepts.is_complete:
            codes = set(concepts.codes)
        else:
            raise NotSupported(f"not all codes of {system[:200]} are known here")
        return {c for c in codes if not concepts.is_inactive(c)} if active else codes

    def _code_system(self, canonical: str) -> Concepts:
        found = self._concepts.get(canonical)
        if found is None:
            found = self._concepts[canonical] = find_concepts(canonical, self._find)
        return found


def find_concepts(canonical: str, find: Find) -> Concepts:
    """Returns the concepts of a code system that is known here, or raises NotSupported."""
    code_system = find("CodeSystem", canonical)
    if code_system is None:
        raise NotSupported(f"code system {canonical[:200]} is not known here")
    return read_concepts(code_system)


# --- filters -------------------------------------------------------------------------------------


def _filtered(row: Resource, concepts: Concepts) -> set[str]:
    property_, operator, value = row.get("property"), row.get("op"), row.get("value")
    select = _FILTERS.get(str(operator))
    if select is None or not isinstance(property_, str) or not isinstance(value, str):
        raise NotSupported(f"the filter {str(operator)[:64]} of a value set is not supported")
    if operator in _OF_HIERARCHY and property_ not in ("concept", "code"):
        raise NotSupported(f"the filter {operator} is of concepts, not of {property_[:64]}")
    # A code that is not there subsumes nothing.
    return {code for code in select(concepts, property_, value) if code in concepts.codes}


def _is_a(concepts: Concepts, property_: str, value: str) -> set[str]:
    return {value} | concepts.descendants(value)


def _in(concepts: Concepts, property_: str, value: str) -> set[str]:
    wanted = {part.strip() for part in value.split(",")}
    if property_ in ("concept", "code"):
        return wanted
    return {c for c, found in concepts.codes.items() if not wanted.isdisjoint(found.get(property_, ()))}


def _equals(concepts: Concepts, property_: str, value: str) -> set[str]:
    if property_ in ("concept", "code"):
        return {value}
    return {c for c, found in concepts.codes.items() if value in found.get(property_, ())}


_FILTERS: dict[str, Callable[[Concepts, str, str], set[str]]] = {
    "is-a": _is_a,
    "descendent-of": lambda concepts, _, value: concepts.descendants(value),
    "is-not-a": lambda concepts, _, value: set(concepts.codes) - _is_a(concepts, "", value),
    "generalizes": lambda concepts, _, value: {value} | concepts.ancestors(value),
    "=": _equals,
    "in": _in,
    "not-in": lambda concepts, property_, value: set(concepts.codes) - _in(concepts, property_, value),
}
"""https://hl7.org/fhir/R4/valueset-filter-operator.html; regex and exists are left out."""

_OF_HIERARCHY = frozenset({"is-a", "descendent-of", "is-not-a", "generalizes"})


# --- what was expanded elsewhere -------------------------------------------------------------------


def _expanded(value_set: Resource) -> Codes:
    """Returns the codes of a ValueSet that has an expansion and no definition."""
    expansion = value_set.get("expansion")
    if not isinstance(expansion, dict):
        raise NotSupported("the value set says no codes")
    codes: Codes = set()
    pending = _rows(expansion.get("contains"))
    listed = 0
    while pending:
        row = pending.pop()
        listed += 1
        pending += _rows(row.get("contains"))
        if isinstance(row.get("code"), str) and row.get("abstract") is not True:
            codes.add((str(row.get("system", "")), row["code"]))
    total = expansion.get("total")
    if isinstance(total, int) and total > listed:
        raise NotSupported("the value set holds only a part of its expansion")
    return codes


def _bounded(codes: Codes) -> Codes:
    if len(codes) > MAX_CODES:
        raise TooCostly(f"the value set has more than {MAX_CODES} codes")
    return codes


def _rows(value: Any) -> list[Resource]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
