"""Codes of value sets from any source: listed where all is known, by system where part of it is.

https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.conformance import Conformance
from fhir_server.definitions.registry import Definitions
from fhir_server.errors import FhirError
from fhir_server.fhir import Resource
from fhir_server.fhirpath.node import Node
from fhir_server.terminology.code_systems import Concepts
from fhir_server.terminology.value_sets import expand, find_concepts
from fhir_server.validation.rules.binding import Admits, Systems, build_admits

_MOST_SYSTEMS = 50
_MOST_SETS = 2_000
"""Value sets kept of one source."""


class Terms:
    """The value sets of a source of conformance resources."""

    def __init__(self, definitions: Definitions, conformance: Conformance) -> None:
        self._definitions = definitions
        self._conformance = conformance
        self._sets: dict[str, Systems | None] = {}
        self._concepts: dict[str, Concepts | None] = {}
        self._admits: dict[tuple[str, str], Admits | None] = {}

    def admits(self, type_: str, canonical: str) -> Admits | None:
        """Returns what tells the members of a value set among values of a type."""
        key = (type_, canonical)
        if key not in self._admits:
            if len(self._admits) >= _MOST_SETS:
                self._admits = {}
            self._admits[key] = build_admits(type_, self.systems(canonical), canonical)
        return self._admits[key]

    def member_of(self, node: Node, canonical: str) -> bool | None:
        """Says whether an item is in a value set; None where that is not known."""
        admits = self.admits(node.type if isinstance(node.value, dict) else "code", canonical)
        return None if admits is None else admits(node.value)

    def subsumes(self, system: str, high: str, low: str) -> bool | None:
        """Says whether a code subsumes another of its system; None where that is not known."""
        if high == low:
            return True
        # The tables of R4 list the codes of its code systems without their hierarchy.
        if self._definitions.code_system(system) is not None:
            return None
        if system not in self._concepts:
            if len(self._concepts) >= _MOST_SYSTEMS:
                self._concepts = {}
            self._concepts[system] = self._read_concepts(system)
        concepts = self._concepts[system]
        if concepts is None or high not in concepts.codes or low not in concepts.codes:
            return None
        return low in concepts.descendants(high) or (None if not concepts.is_complete else False)

    def _read_concepts(self, system: str) -> Concepts | None:
        try:
            return find_concepts(system, self._conformance.find)
        except FhirError:
            return None

    def systems(self, canonical: str) -> Systems | None:
        """Returns system → codes of a value set, None where it is not known."""
        if canonical not in self._sets:
            if len(self._sets) >= _MOST_SETS:
                self._sets = {}
            self._sets[canonical] = self._read(canonical)
        return self._sets[canonical]

    def _read(self, canonical: str) -> Systems | None:
        known = self._definitions.bound_codes(canonical)
        if known is not None:
            return known
        value_set = self._conformance.find("ValueSet", canonical)
        return None if value_set is None else self.systems_of(value_set)

    def systems_of(self, value_set: Resource) -> Systems | None:
        """Returns system → codes of a value set that is at hand."""
        try:
            codes = expand(value_set, self._conformance.find)
        except FhirError:
            return _by_system(value_set)
        systems: dict[str, set[str]] = {}
        for system, code in codes:
            systems.setdefault(system, set()).add(code)
        return {system: frozenset(found) for system, found in systems.items()}


def _by_system(value_set: Resource) -> Systems | None:
    """Returns what is known of a value set that cannot be listed: codes it lists, systems it takes from."""
    systems: dict[str, frozenset[str] | None] = {}
    compose = value_set.get("compose")
    rows: Any = compose.get("include") if isinstance(compose, dict) else None
    for row in rows if isinstance(rows, list) else ():
        system = row.get("system") if isinstance(row, dict) else None
        if not isinstance(system, str) or "valueSet" in row:
            return None
        concepts = row.get("concept")
        codes: frozenset[str] | None = None
        if isinstance(concepts, list):
            codes = frozenset(str(c.get("code")) for c in concepts if isinstance(c, dict))
        known = systems.get(system, frozenset())
        systems[system] = None if known is None or codes is None else known | codes
    return systems or None
