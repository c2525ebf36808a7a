"""Resource → index entries, by the compiled expressions of its search parameters.

https://hl7.org/fhir/R4/search.html; how entries are spelled: search/entries.py
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid
from fhir_server.fhir import Resource
from fhir_server.fhirpath.node import Node
from fhir_server.search.contained import referring, type_token
from fhir_server.search.content import word_entries
from fhir_server.search.entries import EVERYTHING, IRREGULAR, PRESENT
from fhir_server.search.extraction import Extraction, Use, type_table
from fhir_server.search.intervals import mark
from fhir_server.search.parameters import composite
from fhir_server.search.parameters.position import POSITION, position_of
from fhir_server.search.parameters.token_text import WITHOUT_TEXTS
from fhir_server.search.primary_date import DAY_MS, sort_key

_TO_PATIENT = "|Patient"


@dataclass(frozen=True, slots=True)
class IndexEntries:
    """What the document of a resource holds beside its bytes."""

    patients: tuple[str, ...]
    """Ids of the Patient compartments the resource is in. https://hl7.org/fhir/R4/compartmentdefinition-patient.html"""
    tokens: list[str]
    ranges: list[dict[str, Any]]
    sort_key: int
    position: dict[str, Any] | None = None
    """Of a Location: a GeoJSON point."""
    contained: tuple[dict[str, Any], ...] = ()
    """Entries of what it contains."""


class _Entries:
    """Entries of one resource as they are found, each once and in order."""

    __slots__ = ("base_url", "ranges", "tokens")

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.tokens: dict[str, None] = {EVERYTHING: None}
        self.ranges: dict[tuple[Any, ...], None] = {}

    def extract(self, extraction: Extraction, resource: Resource) -> None:
        nodes = extraction.expression.evaluate(resource)
        if not nodes:
            return
        for use in extraction.uses:
            if use[1] == "t":
                self._add_tokens(use, nodes)
            else:
                for node in nodes:
                    entries = use[2](node, self.base_url)
                    self._add_ranges(use[0], entries, use[3])
                    if not entries and node[0] is not None:
                        self.tokens[use[0] + PRESENT] = None
        for code, components in extraction.composites:
            for node in nodes:
                found, ordered = composite.extract(node, components, resource, self.base_url)
                self.tokens.update(dict.fromkeys(code + token for token in found))
                self._add_ranges(code, ordered, 0)

    def mark_primary_date(self, code: str) -> None:
        """Adds what tells a search that the sort key is not all of the date."""
        dates = [r for r in self.ranges if r[0] == code]
        if len(dates) > 1:
            self.tokens[code + IRREGULAR] = None
        for _, lo, hi in dates:
            self.tokens.update(dict.fromkeys(code + m for m in mark(lo, hi, DAY_MS)))

    def _add_tokens(self, use: Use, nodes: list[Node]) -> None:
        code, _, extract, _ = use
        tokens = self.tokens
        for node in nodes:
            entries = extract(node, self.base_url)
            for entry in entries:
                tokens[code + entry] = None
            if not entries and node[0] is not None:
                tokens[code + PRESENT] = None

    def _add_ranges(self, code: str, entries: Sequence[tuple[Any, ...]], length: int) -> None:
        for key, *ends in entries:
            self.ranges[(code + key, *ends)] = None
            if len(ends) == 2 and not 0 <= ends[1] - ends[0] <= length:
                for marked in mark(ends[0], ends[1], length):
                    self.ranges[(code + key + marked, *ends)] = None


MAX_CONTAINED = 200
"""Contained resources of one that are found by themselves."""


def extract_index(resource: Resource, last_updated_ms: int, base_url: str = "") -> IndexEntries:
    """Returns the index entries of a resource; references below `base_url` are local ones."""
    index = _extract(resource, last_updated_ms, base_url)
    if "contained" in resource and resource["resourceType"] not in WITHOUT_TEXTS:
        contained = _contained(resource, index.tokens, last_updated_ms, base_url)
        return replace(index, contained=contained)
    return index


def _contained(
    resource: Resource, tokens: list[str], last_updated_ms: int, base_url: str
) -> tuple[dict[str, Any], ...]:
    """Returns the entries of contained resources; their words are words of the container."""
    codes = referring(tokens)
    found: list[dict[str, Any]] = []
    for inner in resource["contained"][:MAX_CONTAINED]:
        id_, type_ = inner.get("id"), inner.get("resourceType")
        if not isinstance(id_, str) or not load_definitions().is_resource_type(type_):
            continue
        whole = {**inner, "id": f"{resource.get('id', '')}#{id_}"}
        index = _extract(whole, last_updated_ms, base_url, is_contained=True)
        element: dict[str, Any] = {"id": id_, "by": codes.get(id_, []), "sk": index.sort_key}
        element |= {"t": [*index.tokens, type_token(type_)], "r": index.ranges}
        if len(index.patients) == 1 and type_ != "Patient":
            element["p"] = index.patients[0]
        if index.position is not None:
            element[POSITION] = index.position
        found.append(element)
    return tuple(found)


def _extract(
    resource: Resource, last_updated_ms: int, base_url: str, *, is_contained: bool = False
) -> IndexEntries:
    resource_type, resource_id = resource.get("resourceType"), resource.get("id", "")
    try:
        table = type_table(resource_type)
    except (KeyError, TypeError):
        raise Invalid(f"{str(resource_type)[:64]!r} is no resource type", "resourceType") from None
    entries = _Entries(base_url)
    by_key = table.by_key
    for key in resource:
        for extraction in by_key.get(key, ()):
            entries.extract(extraction, resource)
    for extraction in table.always:
        entries.extract(extraction, resource)
    if resource_type not in WITHOUT_TEXTS and not is_contained:
        entries.tokens.update(dict.fromkeys(word_entries(resource)))
    patients = _patients(resource_type, resource_id, table.patient, entries.tokens)
    if len(patients) > 1:
        # The document's `p` names one compartment only.
        entries.tokens.update(dict.fromkeys(f"p={p}" for p in patients))
    entries.mark_primary_date(table.primary_date)
    return IndexEntries(
        patients=patients,
        tokens=list(entries.tokens),
        ranges=[_RANGE_DOCUMENTS[len(r)](*r) for r in entries.ranges],
        sort_key=_sort_key(table.primary_date, entries, last_updated_ms, resource_id),
        position=position_of(resource),
    )


def _patients(
    resource_type: Any, resource_id: str, codes: frozenset[str], tokens: dict[str, None]
) -> tuple[str, ...]:
    """A Patient is in its own compartment; other resources in those their references lead to."""
    if resource_type == "Patient":
        return (resource_id,)
    found: dict[str, None] = {}
    if codes:
        for token in tokens:
            if token.endswith(_TO_PATIENT):
                code, _, target = token[: -len(_TO_PATIENT)].partition("=")
                if code in codes:
                    found[target] = None
    return tuple(found)


def _sort_key(primary_date: str, entries: _Entries, last_updated_ms: int, resource_id: str) -> int:
    if not primary_date:
        return sort_key(last_updated_ms, resource_id)
    starts = [r[1] for r in entries.ranges if r[0] == primary_date]
    return sort_key(min(starts) if starts else None, resource_id)


_RANGE_DOCUMENTS: dict[int, Callable[..., dict[str, Any]]] = {
    3: lambda k, lo, hi: {"k": k, "lo": lo, "hi": hi},
    5: lambda k, lo, hi, lo2, hi2: {"k": k, "lo": lo, "hi": hi, "lo2": lo2, "hi2": hi2},
}
