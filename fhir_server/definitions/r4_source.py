"""The StructureDefinitions, ValueSets and CodeSystems of R4 itself, from the tables.

https://hl7.org/fhir/R4/profiling.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_server.definitions.registry import Definitions, Element, Structure
from fhir_server.fhir import Resource
from fhir_server.fhir.reference import parse_canonical

R4 = "4.0.1"
PREFIX = "http://hl7.org/fhir/StructureDefinition/"
_KINDS = {"resource": "resource", "complex": "complex-type", "primitive": "primitive-type"}


class R4Source:
    """A source of conformance resources without prose; what it hands out is made when asked for."""

    revision = R4

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    @property
    def profiles(self) -> tuple[str, ...]:
        """The canonicals of the profiles and extensions that R4 publishes."""
        return self._definitions.profile_urls

    def find(self, resource_type: str, canonical: str) -> Resource | None:
        """Returns a conformance resource of R4 4.0.1."""
        url, version, _ = parse_canonical(canonical)
        if version not in ("", R4, "4.0"):
            return None
        make = {
            "StructureDefinition": self._structure,
            "ValueSet": self._value_set,
            "CodeSystem": self._code_system,
        }.get(resource_type)
        return None if make is None else make(url)

    def _structure(self, url: str) -> Resource | None:
        name = url.removeprefix(PREFIX)
        structure = self._definitions.structure_or_none(name) if name != url else None
        if structure is not None and structure.kind != "backbone":
            return self._of_type(structure, url)
        row = self._definitions.profile(url)
        if row is None:
            return None
        head = {key: value for key, value in row.items() if key != "element"}
        return {
            "resourceType": "StructureDefinition",
            "url": url,
            "version": R4,
            **head,
            "derivation": "constraint",
            "differential": {"element": row["element"]},
        }

    def element(self, owner: str, name: str) -> Resource | None:
        """Returns the ElementDefinition of an element; without a name that of the structure itself."""
        structure = self._definitions.structure_or_none(owner)
        if structure is None:
            return None
        if not name:
            return self._root(structure)
        element = structure.elements.get(name) or structure.elements.get(f"{name}[x]")
        return None if element is None else self._element(element, f"{owner}.{element.name}")

    def _root(self, structure: Structure) -> Resource:
        root: Resource = {"id": structure.name, "path": structure.name, "min": 0, "max": "*"}
        root["constraint"] = self._constraints(structure.name)
        return root

    def _of_type(self, structure: Structure, url: str) -> Resource:
        return {
            "resourceType": "StructureDefinition",
            "url": url,
            "version": R4,
            "name": structure.name,
            "kind": _KINDS[structure.kind],
            "abstract": structure.abstract,
            "type": structure.name,
            "baseDefinition": PREFIX + structure.base if structure.base else "",
            "derivation": "specialization",
            "snapshot": {"element": [self._root(structure), *self._elements(structure)]},
        }

    def _elements(self, structure: Structure) -> Iterator[dict[str, Any]]:
        for element in structure.elements.values():
            path = f"{structure.name}.{element.name}"
            yield self._element(element, path)
            if element.content == path:
                yield from self._elements(self._definitions.structure(path))

    def _element(self, element: Element, path: str) -> dict[str, Any]:
        row: dict[str, Any] = {"id": path, "path": path, "min": element.min, "max": str(element.max or "*")}
        if element.content and element.content != path:
            row["contentReference"] = f"#{element.content}"
        elif element.types:
            row["type"] = [_type(element, code) for code in element.types]
        if element.binding:
            row["binding"] = {"strength": element.binding[0], "valueSet": element.binding[1]}
        if element.modifier:
            row["isModifier"] = True
        row["constraint"] = self._constraints(path)
        return row

    def _constraints(self, path: str) -> list[dict[str, Any]]:
        return [invariant._asdict() for invariant in self._definitions.invariants(path)]

    def _value_set(self, url: str) -> Resource | None:
        systems = self._definitions.bound_codes(url)
        if systems is None:
            return None
        include = [
            {"system": system, "concept": [{"code": code} for code in sorted(codes)]}
            if codes is not None
            else {"system": system, "filter": [{"property": "unknown", "op": "exists", "value": "true"}]}
            for system, codes in systems.items()
        ]
        return {"resourceType": "ValueSet", "url": url, "version": R4, "compose": {"include": include}}

    def _code_system(self, url: str) -> Resource | None:
        codes = self._definitions.code_system(url)
        if codes is None:
            return None
        concepts = [{"code": code} for code in sorted(codes)]
        return {"resourceType": "CodeSystem", "url": url, "content": "complete", "concept": concepts}


def _type(element: Element, code: str) -> dict[str, Any]:
    row: dict[str, Any] = {"code": code}
    if code in element.targets:
        row["targetProfile"] = [PREFIX + target for target in element.targets[code]]
    if code in element.profiles:
        row["profile"] = list(element.profiles[code])
    return row
