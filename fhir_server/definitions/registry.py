"""The element model, search parameters and code lists of R4 as read-only objects, built on first use.

https://hl7.org/fhir/R4/elementdefinition.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import msgspec

UNBOUNDED = 0
"""`Element.max` of a repeating element without upper bound ("*")."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a structure, as the snapshot of its StructureDefinition says."""

    name: str
    """FHIR name; a choice keeps its "[x]" (value[x])."""
    min: int
    max: int
    types: tuple[str, ...]
    """Type codes; `string`, `Quantity`, `BackboneElement`, `Resource` …; empty for a contentReference."""
    content: str = ""
    """Structure that holds the children (Observation.component), or "" when the type does."""
    targets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Type code (Reference, canonical) → resource types it may point to."""
    profiles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Type code → canonicals of which it must meet one (SimpleQuantity)."""
    binding: tuple[str, str] | None = None
    """(strength, value set canonical)."""
    summary: bool = False
    modifier: bool = False

    @property
    def is_choice(self) -> bool:
        return self.name.endswith("[x]")

    @property
    def is_list(self) -> bool:
        return self.max != 1


@dataclass(frozen=True, slots=True)
class Structure:
    """A resource, data type or backbone element."""

    name: str
    kind: str
    """resource, complex, primitive or backbone."""
    base: str
    abstract: bool
    regex: str
    elements: dict[str, Element]
    """By FHIR name, in the order of the standard."""
    keys: dict[str, tuple[Element, str]]
    """JSON key → (element, structure name of the value): valueQuantity → (value[x], "Quantity")."""

    @property
    def is_primitive(self) -> bool:
        return self.kind == "primitive"


class Invariant(NamedTuple):
    """A constraint of an element. https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.constraint"""

    key: str
    severity: str
    """error or warning"""
    expression: str
    """FHIRPath, as published."""
    human: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A SearchParameter as it applies to one resource type."""

    url: str
    code: str
    type: str
    """number date string token reference composite quantity uri special"""
    expression: str
    """FHIRPath, all bases joined by `|`, as published."""
    target: tuple[str, ...] = ()
    component: tuple[tuple[str, str], ...] = ()
    """(canonical of the component's SearchParameter, expression relative to `expression`)."""


class Definitions:
    """The R4 tables; one instance per process, shared by threads."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}
        self._structures: dict[str, Structure] = {}
        self._parameters: dict[str, dict[str, SearchParameter]] = {}
        self._sets: dict[str, dict[str, frozenset[str]] | None] = {}
        self._systems: dict[str, frozenset[str]] = {}
        rows = self._table("structures")
        self.resource_types: tuple[str, ...] = tuple(
            sorted(n for n, r in rows.items() if r["kind"] == "resource" and not r.get("abstract"))
        )
        self._resource_types = frozenset(self.resource_types)

    def _table(self, name: str) -> dict[str, Any]:
        rows = self._rows.get(name)
        if rows is None:
            path = resources.files(__package__).joinpath("r4", f"{name}.json")
            rows = msgspec.json.decode(path.read_bytes())["rows"]
            self._rows[name] = rows
        return rows

    def is_resource_type(self, name: object) -> bool:
        """True for the 146 concrete resource types of R4."""
        return isinstance(name, str) and name in self._resource_types

    def structure(self, name: str) -> Structure:
        """Returns a resource, data type or backbone ("Observation.component"), or raises KeyError."""
        structure = self._structures.get(name)
        if structure is None:
            structure = _build_structure(name, self._table("structures")[name])
            self._structures[name] = structure
        return structure

    def structure_or_none(self, name: str) -> Structure | None:
        """As `structure`, None when there is none."""
        return self.structure(name) if name in self._table("structures") else None

    def invariants(self, path: str) -> list[Invariant]:
        """Returns the constraints at an element path."""
        constraints = self._table("constraints")
        names = self._table("invariants").get(path, [])
        return [Invariant(name.partition("#")[0], *constraints[name]) for name in names]

    @property
    def invariant_paths(self) -> tuple[str, ...]:
        """The element paths that have constraints."""
        return tuple(self._table("invariants"))

    def profile(self, url: str) -> dict[str, Any] | None:
        """Returns the facts of a profile or extension of R4: its header and `element`, the differential."""
        row: dict[str, Any] | None = self._table("profiles").get(url)
        return row

    @property
    def profile_urls(self) -> tuple[str, ...]:
        """The canonicals of the profiles and extensions of R4."""
        return tuple(self._table("profiles"))

    def search_parameters(self, resource_type: str) -> dict[str, SearchParameter]:
        """Returns the search parameters of a type by code, those of Resource and DomainResource included."""
        if not self._parameters:
            self._parameters = _parameters_by_type(self._table("search_parameters"), self.resource_types)
        return self._parameters[resource_type]

    def search_parameter(self, url: str) -> SearchParameter:
        """Returns a search parameter by canonical."""
        return _build_parameter(url, self._table("search_parameters")[url])

    def compartment(self, code: str) -> dict[str, tuple[str, ...]]:
        """Returns, for a compartment (Patient …), resource type → search parameters that put it in."""
        return {t: tuple(p) for t, p in self._table("compartments")[code].items()}

    def required_codes(self, canonical: str) -> dict[str, frozenset[str]] | None:
        """Returns system → codes of a value set some element requires; None where they cannot be listed."""
        url = canonical.partition("|")[0]
        if url not in self._sets:
            row = self._table("value_sets").get(url)
            self._sets[url] = None if row is None else {s: frozenset(c) for s, c in row.items()}
        return self._sets[url]

    def bound_codes(self, canonical: str) -> dict[str, frozenset[str] | None] | None:
        """Returns system → codes of a value set of a binding; None in place of codes known elsewhere."""
        required = self.required_codes(canonical)
        if required is not None:
            return dict(required)
        row = self._table("code_lists").get(canonical.partition("|")[0])
        return None if row is None else {s: None if c is None else frozenset(c) for s, c in row.items()}

    def code_system(self, url: str) -> frozenset[str] | None:
        """Returns all codes of a code system that R4 publishes in full, None for others."""
        if url not in self._systems:
            row = self._table("code_systems").get(url)
            if row is None:
                return None
            self._systems[url] = frozenset(row)
        return self._systems[url]


@cache
def load_definitions() -> Definitions:
    """Returns the one Definitions of this process."""
    return Definitions()


def _build_structure(name: str, row: dict[str, Any]) -> Structure:
    elements: dict[str, Element] = {}
    keys: dict[str, tuple[Element, str]] = {}
    for element_name, e in row["elements"].items():
        element = Element(
            name=element_name,
            min=e["min"],
            max=e["max"],
            types=tuple(e["types"]),
            content=e.get("content", ""),
            targets={t: tuple(v) for t, v in e.get("targets", {}).items()},
            profiles={t: tuple(v) for t, v in e.get("profiles", {}).items()},
            binding=tuple(e["binding"]) if "binding" in e else None,
            summary=e.get("summary", False),
            modifier=e.get("modifier", False),
        )
        elements[element_name] = element
        if element.is_choice:
            stem = element_name[:-3]
            for type_ in element.types:
                keys[stem + type_[0].upper() + type_[1:]] = (element, type_)
        else:
            keys[element_name] = (element, element.content or element.types[0])
    return Structure(
        name=name,
        kind=row["kind"],
        base=row["base"],
        abstract=row.get("abstract", False),
        regex=row.get("regex", ""),
        elements=elements,
        keys=keys,
    )


def _build_parameter(url: str, row: dict[str, Any]) -> SearchParameter:
    return SearchParameter(
        url=url,
        code=row["code"],
        type=row["type"],
        expression=row["expression"],
        target=tuple(row.get("target", ())),
        component=tuple((d, e) for d, e in row.get("component", ())),
    )


def _parameters_by_type(
    rows: dict[str, Any], resource_types: tuple[str, ...]
) -> dict[str, dict[str, SearchParameter]]:
    tables: dict[str, dict[str, SearchParameter]] = {t: {} for t in resource_types}
    for url, row in rows.items():
        parameter = _build_parameter(url, row)
        for base in row["base"]:
            everywhere = base in ("Resource", "DomainResource")
            for resource_type in resource_types if everywhere else (base,):
                if resource_type in tables:
                    tables[resource_type].setdefault(parameter.code, parameter)
    return tables
