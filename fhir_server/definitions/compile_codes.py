"""Compiles the codes of the official package: what bindings of elements allow, and whole code systems.

https://hl7.org/fhir/R4/terminologies.html#binding, https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]
Systems = dict[str, "set[str] | None"]
"""System → codes; None where they are known elsewhere only (SNOMED CT, LOINC, UCUM)."""

_ABOVE = frozenset({"parent", "subsumedBy"})
_CHECKED = ("required", "extensible", "preferred")


def compile_codes(resources: list[Json], structures: Json, profiles: Json) -> dict[str, Json]:
    """Returns the tables value_sets (required by an element, listed in full), code_lists and code_systems."""
    package = _Package(resources)
    wanted = _bound(structures, profiles)
    value_sets: Json = {}
    code_lists: Json = {}
    for url in sorted(wanted):
        systems = package.expand(url)
        if systems is None:
            continue
        listed = {system: sorted(codes) for system, codes in sorted(systems.items()) if codes is not None}
        if len(listed) < len(systems):
            code_lists[url] = {s: None if c is None else sorted(c) for s, c in sorted(systems.items())}
        elif "element" in wanted[url]:
            value_sets[url] = listed
        else:
            code_lists[url] = listed
    return {"value_sets": value_sets, "code_lists": code_lists, "code_systems": package.code_systems()}


def _bound(structures: Json, profiles: Json) -> dict[str, set[str]]:
    """Returns value set → who is bound to it: "element" where an element of R4 requires it."""
    wanted: dict[str, set[str]] = {}
    for structure in structures.values():
        for element in structure["elements"].values():
            strength, canonical = element.get("binding", ("example", ""))
            if strength in _CHECKED:
                who = "element" if strength == "required" else "other"
                wanted.setdefault(canonical.partition("|")[0], set()).add(who)
    for profile in profiles.values():
        for element in profile["element"]:
            binding = element.get("binding", {})
            if binding.get("strength") in _CHECKED and "valueSet" in binding:
                wanted.setdefault(binding["valueSet"].partition("|")[0], set()).add("other")
    return wanted


class _Package:
    """The ValueSets and CodeSystems of the package by canonical."""

    def __init__(self, resources: list[Json]) -> None:
        self._by_url = {
            r["url"]: r for r in resources if r["resourceType"] in ("ValueSet", "CodeSystem") and "url" in r
        }

    def code_systems(self) -> Json:
        """Returns the codes of every complete code system."""
        return {
            url: sorted(set(_all_codes(r.get("concept", []))))
            for url, r in sorted(self._by_url.items())
            if r["resourceType"] == "CodeSystem" and r.get("content") == "complete" and r.get("concept")
        }

    def expand(self, url: str) -> Systems | None:
        """Returns the codes of a value set by system; None where not even the systems are known."""
        value_set = self._by_url.get(url.partition("|")[0])
        if value_set is None or value_set["resourceType"] != "ValueSet":
            return None
        compose = value_set.get("compose", {})
        systems: Systems = {}
        for part in self._parts(compose.get("include", [])):
            if part is None:
                return None
            _unite(systems, part)
        for part in self._parts(compose.get("exclude", [])):
            if part is None or not _subtract(systems, part):
                return None
        return systems or None

    def _parts(self, rows: list[Json]) -> Iterator[Systems | None]:
        for row in rows:
            yield from self._include(row)

    def _include(self, include: Json) -> Iterable[Systems | None]:
        if "system" in include and "valueSet" in include:
            yield None
            return
        for url in include.get("valueSet", []):
            yield self.expand(url)
        if "system" in include:
            yield {include["system"]: self._codes(include)}

    def _codes(self, include: Json) -> set[str] | None:
        if "concept" in include:
            return {c["code"] for c in include["concept"]}
        code_system = self._by_url.get(include["system"])
        if code_system is None or code_system.get("content") != "complete":
            return None
        codes = set(_all_codes(code_system.get("concept", [])))
        for row in include.get("filter", []):
            kept = _filtered(code_system, row)
            if kept is None:
                return None
            codes &= kept
        return codes or None


def _unite(systems: Systems, part: Systems) -> None:
    for system, codes in part.items():
        known = systems.setdefault(system, set())
        systems[system] = None if known is None or codes is None else known | codes


def _subtract(systems: Systems, part: Systems) -> bool:
    """Takes codes away; False where it is not known which."""
    for system, codes in part.items():
        known = systems.get(system)
        if codes is None:
            return False
        if known is not None:
            known -= codes
    return True


def _filtered(code_system: Json, row: Json) -> set[str] | None:
    if row["op"] not in ("is-a", "descendent-of") or row["property"] not in ("concept", "code"):
        return None
    below: dict[str, set[str]] = {}
    _edges(code_system.get("concept", []), below)
    found = {row["value"]}
    pending = [row["value"]]
    while pending:
        for code in below.get(pending.pop(), set()) - found:
            found.add(code)
            pending.append(code)
    return found if row["op"] == "is-a" else found - {row["value"]}


def _edges(concepts: list[Json], below: dict[str, set[str]], parent: str = "") -> None:
    for concept in concepts:
        parents = {p.get("valueCode", "") for p in concept.get("property", []) if p["code"] in _ABOVE}
        for above in parents | {parent}:
            below.setdefault(above, set()).add(concept["code"])
        _edges(concept.get("concept", []), below, concept["code"])


def _all_codes(concepts: list[Json]) -> Iterator[str]:
    for concept in concepts:
        yield str(concept["code"])
        yield from _all_codes(concept.get("concept", []))
