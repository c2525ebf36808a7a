"""Code systems: their codes and who is above whom. https://hl7.org/fhir/R4/codesystem.html#subsumption"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_server.errors import NotSupported, TooCostly
from fhir_server.fhir import Resource

MAX_CONCEPTS = 500_000

_PARENT = frozenset({"parent", "subsumedBy"})
_URIS = {
    "http://hl7.org/fhir/concept-properties#parent": "parent",
    "http://hl7.org/fhir/concept-properties#child": "child",
    "http://hl7.org/fhir/concept-properties#inactive": "inactive",
}
_KNOWN = frozenset({"complete", "fragment"})
_NO_SUBSUMPTION = frozenset({"grouped-by", "part-of"})
_INACTIVE = frozenset({"inactive", "retired"})


@dataclass(slots=True)
class Concepts:
    """The codes of a code system, in order, and their hierarchy."""

    url: str
    is_complete: bool
    codes: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    """Code → property → values as text."""
    parents: dict[str, set[str]] = field(default_factory=dict)
    children: dict[str, set[str]] = field(default_factory=dict)

    def descendants(self, code: str) -> set[str]:
        """Returns what a code subsumes, itself excluded."""
        return _reach(code, self.children)

    def ancestors(self, code: str) -> set[str]:
        """Returns what subsumes a code, itself excluded."""
        return _reach(code, self.parents)

    def is_inactive(self, code: str) -> bool:
        """True where a property says that the code is not to be used any more."""
        properties = self.codes[code]
        return "true" in properties.get("inactive", ()) or not _INACTIVE.isdisjoint(
            properties.get("status", ())
        )


def _reach(code: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    """Follows edges; a code system that contradicts itself by a circle does no harm."""
    found: set[str] = set()
    pending = [code]
    while pending:
        for neighbour in edges.get(pending.pop(), ()):
            if neighbour not in found and neighbour != code:
                found.add(neighbour)
                pending.append(neighbour)
    return found


def read_concepts(code_system: Resource) -> Concepts:
    """Returns the concepts of a CodeSystem; raises NotSupported where it does not list them."""
    url, content = str(code_system.get("url", "")), code_system.get("content")
    if content not in _KNOWN:
        raise NotSupported(f"the codes of {url[:200]} are not known here")
    concepts = Concepts(url, content == "complete")
    names = _property_names(code_system)
    nests = code_system.get("hierarchyMeaning") not in _NO_SUBSUMPTION
    pending: list[tuple[Any, str]] = [(c, "") for c in reversed(_list(code_system.get("concept")))]
    while pending:
        concept, parent = pending.pop()
        code = concept.get("code") if isinstance(concept, dict) else None
        if not isinstance(code, str):
            continue
        if len(concepts.codes) >= MAX_CONCEPTS:
            raise TooCostly(f"{url[:200]} has more than {MAX_CONCEPTS} codes")
        _add(concepts, code, parent if nests else "", _properties(concept, names))
        pending += [(c, code) for c in reversed(_list(concept.get("concept")))]
    return concepts


def _add(concepts: Concepts, code: str, parent: str, properties: dict[str, frozenset[str]]) -> None:
    concepts.codes[code] = properties
    above = {p for name in _PARENT for p in properties.get(name, ())} | ({parent} if parent else set())
    edges = [(code, p) for p in above] + [(child, code) for child in properties.get("child", ())]
    for low, high in edges:
        concepts.parents.setdefault(low, set()).add(high)
        concepts.children.setdefault(high, set()).add(low)


def _property_names(code_system: Resource) -> dict[str, str]:
    """Returns the code of each property → what it is called here, by its URI where that is known."""
    rows = [row for row in _list(code_system.get("property")) if isinstance(row, dict)]
    return {str(row.get("code")): _URIS.get(str(row.get("uri")), str(row.get("code"))) for row in rows}


def _properties(concept: Resource, names: dict[str, str]) -> dict[str, frozenset[str]]:
    values: dict[str, set[str]] = {}
    for row in _list(concept.get("property")):
        if isinstance(row, dict):
            code = str(row.get("code"))
            for key, value in row.items():
                if key.startswith("value"):
                    values.setdefault(names.get(code, code), set()).add(_text(value))
    return {name: frozenset(found) for name, found in values.items()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.get("code")) if isinstance(value, dict) else str(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
