"""A slow search over resources in memory, from the sentences of https://hl7.org/fhir/R4/search.html.

No index, no plan: each question looks at every resource that the caller may see. Nothing of the server is
used but the tables of definitions: the targets of references and the compartments.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cmp_to_key
from pathlib import Path
from typing import Any

from fhir_server.definitions.registry import load_definitions
from tests.oracle import readings
from tests.oracle.parameter_paths import IMPLIED, TYPES, Parameter, at, parameters
from tests.unit.search.specification import parts

Resource = dict[str, Any]
Key = tuple[str, str]
"""(type, id)"""
Pairs = list[tuple[str, str]]
"""Names and values of a URL."""

DEFINITIONS = load_definitions()
_SHARED = Path(__file__).parents[2] / "fhir_server" / "policy" / "shared_types.csv"


def _shared_types() -> frozenset[str]:
    rows = [line for line in _SHARED.read_text("utf-8").splitlines() if not line.startswith("#")]
    return frozenset(row["resource_type"] for row in csv.DictReader(rows))


SHARED_TYPES = _shared_types()


@dataclass
class World:
    """The resources that a caller may see: no deleted ones, no earlier versions."""

    base_url: str
    resources: dict[Key, Resource]
    _values: dict[tuple[str, str, str], list[Any]] = field(default_factory=dict)
    _found: dict[tuple[str, str, str], frozenset[str]] = field(default_factory=dict)
    _by_type: dict[str, list[Resource]] = field(default_factory=dict)

    def of_type(self, resource_type: str) -> list[Resource]:
        if not self._by_type:
            for (type_, _), resource in self.resources.items():
                self._by_type.setdefault(type_, []).append(resource)
        return self._by_type.get(resource_type, [])

    def values(self, resource: Resource, parameter: Parameter) -> list[Any]:
        key = resource["resourceType"], resource["id"], parameter.code
        if key not in self._values:
            found = at(resource, parameter.path)
            self._values[key] = (
                [readings.Canonical(v) for v in found] if parameter.code == "_profile" else found
            )
        return self._values[key]

    def as_seen_by(self, patient: str) -> World:
        """What a token bound to one patient reaches: its compartment, if no other, and what is no one's."""
        seen = {
            key: resource
            for key, resource in self.resources.items()
            if key[0] in SHARED_TYPES or self.patients(resource) == {patient}
        }
        return World(self.base_url, seen)

    def patients(self, resource: Resource) -> set[str]:
        """The compartments of patients that hold a resource; a Patient is held by its own only (policy)."""
        if resource["resourceType"] == "Patient":
            return {resource["id"]}
        return self.compartments(resource, "Patient")

    def compartments(self, resource: Resource, kind: str) -> set[str]:
        """The ids of the compartments of a kind that hold a resource, by CompartmentDefinition."""
        type_ = resource["resourceType"]
        found = {resource["id"]} if type_ == kind else set()
        for code in DEFINITIONS.compartment(kind).get(type_, ()):
            parameter = parameters(type_).get(code)
            if parameter is not None:
                found |= {i for t, i in self.targets(resource, parameter) if t == kind}
        return found

    def targets(self, resource: Resource, parameter: Parameter) -> set[Key]:
        """The resources of this server to which a parameter refers, whether they exist or not."""
        values = self.values(resource, parameter)
        return {key for value in values if (key := readings.target(value, self.base_url))}

    # --- criteria --------------------------------------------------------------------------------

    def search(self, resource_type: str, criteria: Pairs, compartment: Key | None = None) -> list[Resource]:
        """The resources of a type that match all criteria."""
        found = self.of_type(resource_type)
        if compartment is not None:
            kind, id_ = compartment
            found = [r for r in found if id_ in self.compartments(r, kind)]
        for name, text in criteria:
            ids = self.ids(resource_type, name, text)
            found = [r for r in found if r["id"] in ids]
        return found

    def ids(self, resource_type: str, name: str, text: str) -> frozenset[str]:
        """The ids that match one criterion."""
        key = resource_type, name, text
        if key not in self._found:
            if len(self._found) > 20_000:
                self._found.clear()
            self._found[key] = frozenset(self._ids(resource_type, name, text))
        return self._found[key]

    def _ids(self, resource_type: str, name: str, text: str) -> Iterable[str]:
        if name.startswith("_has:"):
            return self._having(resource_type, name, text)
        if name == "_list":
            return self._listed(resource_type, text)
        head, dot, rest = name.partition(".")
        if dot:
            return self._chained(resource_type, head, rest, text)
        return [r["id"] for r in self.of_type(resource_type) if self._matches(r, name, text)]

    def _chained(self, resource_type: str, head: str, rest: str, text: str) -> list[str]:
        """subject:Patient.name=peter: "the target must match the criterion"."""
        code, _, type_ = head.partition(":")
        parameter = parameters(resource_type)[code]
        types = (type_,) if type_ else DEFINITIONS.search_parameters(resource_type)[code].target
        known = [t for t in types if t in TYPES and _is_known(t, rest)]
        good = {(t, i) for t in known for i in self.ids(t, rest, text)}
        return [
            r["id"]
            for r in self.of_type(resource_type)
            if self.targets(r, parameter) & good or self._looks_inside(r, parameter, known, (rest, text))
        ]

    def _looks_inside(
        self, resource: Resource, parameter: Parameter, types: list[str], asked: tuple[str, str]
    ) -> bool:
        """ "A chained condition will be evaluated inside contained resources." """
        if "contained" not in resource:
            return False
        named = {v.get("reference") for v in self.values(resource, parameter) if isinstance(v, dict)}
        return any(
            f"#{id_.partition('#')[2]}" in named
            and inner["resourceType"] in types
            and self._inside(inner, *asked)
            for id_, inner in contained_in(resource).items()
        )

    def contained(self, resource_type: str, criteria: Pairs) -> list[tuple[Resource, Resource]]:
        """The contained resources of a type that match all criteria, each after its container."""
        return [
            (container, inner)
            for container in self.resources.values()
            if "contained" in container
            for inner in contained_in(container).values()
            if inner["resourceType"] == resource_type and all(self._inside(inner, *c) for c in criteria)
        ]

    def _inside(self, inner: Resource, name: str, text: str) -> bool:
        """Whether something contained meets a criterion; its id is none that a search knows."""
        if name.startswith("_has:") or name.partition(":")[0] in ("_list", "_id"):
            return False
        head, dot, rest = name.partition(".")
        if not dot:
            return self._matches(inner, name, text)
        code, _, type_ = head.partition(":")
        parameter = parameters(inner["resourceType"])[code]
        declared = DEFINITIONS.search_parameters(inner["resourceType"])[code].target
        types = [t for t in ((type_,) if type_ else declared) if t in TYPES and _is_known(t, rest)]
        good = {(t, i) for t in types for i in self.ids(t, rest, text)}
        return bool(self.targets(inner, parameter) & good)

    def _having(self, resource_type: str, name: str, text: str) -> list[str]:
        """_has:Observation:patient:code=1234: what Observations with that code refer to by patient."""
        _, source, code, rest = name.split(":", 3)
        parameter = parameters(source)[code]
        ids = self.ids(source, rest, text)
        targets = {t for r in self.of_type(source) if r["id"] in ids for t in self.targets(r, parameter)}
        return [i for t, i in targets if t == resource_type and (t, i) in self.resources]

    def _listed(self, resource_type: str, text: str) -> list[str]:
        item = parameters("List")["item"]
        lists = [self.resources.get(("List", id_)) for id_ in parts(text, ",")]
        targets = {t for list_ in lists if list_ for t in self.targets(list_, item)}
        return [i for t, i in targets if t == resource_type and (t, i) in self.resources]

    def _matches(self, resource: Resource, name: str, text: str) -> bool:
        code, _, modifier = name.partition(":")
        parameter = parameters(resource["resourceType"])[code]
        values = self.values(resource, parameter)
        if modifier == "missing":
            if parameter.type == "composite":
                raise AssertionError("the page does not say when a composite is missing")
            return (not values) == (text == "true")
        found = any(
            self._value_matches(resource["resourceType"], parameter, value, one, modifier)
            for value in values
            for one in parts(text, ",")
        )
        # ":not … includes resources that have no value for the parameter"
        return not found if modifier == "not" else found

    def _value_matches(
        self, resource_type: str, parameter: Parameter, value: Any, text: str, modifier: str
    ) -> bool:
        if parameter.type == "composite":
            # "joined by $"; both components of the same element
            asked = parts(text, "$")
            return all(
                any(self._typed(kind, v, one, "") for v in at(value, path))
                for (kind, path), one in zip(parameter.components, asked, strict=True)
            )
        implied = IMPLIED.get((resource_type, parameter.code), "")
        return self._typed(parameter.type, value, text, modifier, implied)

    def _typed(self, kind: str, value: Any, text: str, modifier: str, implied: str = "") -> bool:
        if kind == "token":
            if modifier == "text":
                return readings.text_matches(value, text)
            if modifier == "of-type":
                return readings.of_type_matches(value, text)
            return readings.token_matches(value, text, implied)
        if kind == "special":
            return readings.near_matches(value, text)
        if kind == "string":
            return readings.string_matches(value, text, modifier)
        if kind == "uri":
            return readings.uri_matches(value, text, modifier)
        if kind == "reference":
            return readings.reference_matches(value, text, modifier, self.base_url)
        read = {"date": readings.date_matches, "number": readings.number_matches}
        return read.get(kind, readings.quantity_matches)(value, text)

    # --- order and includes ------------------------------------------------------------------------

    def sort_key(self, resource: Resource, code: str, *, descending: bool) -> Any:
        """ "the item … that comes earliest in the specified sort order"; None where there is none."""
        parameter = parameters(resource["resourceType"])[code]
        known = [k for v in self.values(resource, parameter) for k in readings.sort_values(parameter.type, v)]
        return (max(known) if descending else min(known)) if known else None

    def sort_keys(self, resource: Resource, sort: str) -> tuple[Any, ...]:
        """What tells two neighbours of a sorted result apart."""
        return tuple(
            self.sort_key(resource, name.lstrip("-"), descending=name.startswith("-"))
            for name in sort.split(",")
        )

    def in_order(self, keys: list[tuple[Any, ...]], sort: str) -> bool:
        """True when these keys follow each other as `_sort` asks, what is missing last."""
        directions = [name.startswith("-") for name in sort.split(",")]
        ordered = sorted(keys, key=cmp_to_key(lambda a, b: _compare(a, b, directions)))
        return ordered == keys

    def included(self, matches: list[Resource], includes: Pairs) -> set[Key]:
        """What _include and _revinclude bring along for the matches of one page."""
        shown = {(r["resourceType"], r["id"]) for r in matches}
        found: set[Key] = set()
        fresh = matches
        for round_ in range(11):
            rules = [(n, t) for n, t in includes if round_ == 0 or n.endswith(":iterate")]
            brought = {k for name, text in rules for k in self._brought(fresh, name, text)}
            new = {k for k in brought if k in self.resources} - shown - found
            found |= new
            fresh = [self.resources[k] for k in new]
            if not fresh:
                break
        return found

    def _brought(self, sources: list[Resource], name: str, text: str) -> set[Key]:
        source, _, rest = text.partition(":")
        code, _, type_ = rest.partition(":")
        if (name, text) == ("_revinclude", "*"):
            return {key for t in TYPES for key in self._brought(sources, name, f"{t}:*")}
        if name.startswith("_revinclude"):
            keys = {(r["resourceType"], r["id"]) for r in sources}
            referring = [
                (r, t)
                for r in self.of_type(source)
                for p in _references(source, code)
                for t in self.targets(r, p)
            ]
            return {(source, r["id"]) for r, t in referring if t in keys and type_ in ("", t[0])}
        return {
            target
            for r in sources
            if source in ("*", r["resourceType"])
            for parameter in _references(r["resourceType"], code or "*")
            for target in self.targets(r, parameter)
            if type_ in ("", target[0])
        }


def contained_in(resource: Resource) -> dict[str, Resource]:
    """The contained resources by their ids, which begin with Type/id of the container."""
    own = f"{resource['resourceType']}/{resource['id']}"
    ids = [f"{own}#{inner['id']}" for inner in resource.get("contained", ())]
    return {id_: inner | {"id": id_} for id_, inner in zip(ids, resource.get("contained", ()), strict=True)}


def _references(resource_type: str, code: str) -> list[Parameter]:
    """The reference parameter of a code, or all of them: `*`."""
    known = parameters(resource_type)
    if code != "*":
        return [known[code]]
    return [p for p in known.values() if p.type == "reference"]


def _is_known(resource_type: str, name: str) -> bool:
    """True where the type has the parameter with which the rest of a chain begins."""
    code = name.partition(".")[0].partition(":")[0]
    return code in ("_has", "_list") or code in parameters(resource_type)


def _compare(a: tuple[Any, ...], b: tuple[Any, ...], directions: list[bool]) -> int:
    for one, other, descending in zip(a, b, directions, strict=True):
        if one == other:
            continue
        if one is None or other is None:
            return 1 if one is None else -1
        return (1 if one > other else -1) * (-1 if descending else 1)
    return 0
