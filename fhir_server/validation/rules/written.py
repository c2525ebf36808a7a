"""Invariants that every resource meets often, or that FHIRPath says in quadratic time, written by hand.

https://hl7.org/fhir/R4/resource.html#invs, https://hl7.org/fhir/R4/domainresource.html#invs,
https://hl7.org/fhir/R4/bundle.html#invs
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fhir_server.definitions.registry import Definitions, Invariant, Structure
from fhir_server.fhirpath.equality import compare
from fhir_server.fhirpath.node import Node
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, ObjectCheck, gather, remark

Json = dict[str, Any]


def _period(value: Json, _context: Context) -> bool:
    """per-1: no answer where the precision differs (2024-01 to 2024-01-15), which breaks it as false does."""
    start, end = value.get("start"), value.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return True
    if len(start) == len(end) and start[19:] == end[19:]:
        return start <= end
    order = compare(Node(start, "dateTime", None), Node(end, "dateTime", None), "per-1")
    return order is not None and order <= 0


def _has_narrative(value: Json, _context: Context) -> bool:
    text = value.get("text")
    return text is not None and (not isinstance(text, dict) or "div" in text)


def _versions_once(value: Json, _context: Context) -> bool:
    if value.get("type") == "history":
        return True
    seen: set[str] = set()
    for row in _rows(value.get("entry")):
        if isinstance(url := row.get("fullUrl"), str):
            meta = resource.get("meta") if isinstance(resource := row.get("resource"), dict) else None
            key = url + str(meta.get("versionId", "") if isinstance(meta, dict) else "")
            if key in seen:
                return False
            seen.add(key)
    return True


def _exactly_in(key: str, types: frozenset[str]) -> Callable[[Json, Context], bool]:
    def holds(value: Json, _context: Context) -> bool:
        wanted = str(value.get("type")) in types
        return all((key in row) is wanted for row in _rows(value.get("entry")))

    return holds


def _code_once(value: Json, _context: Context) -> bool:
    codes = [concept.get("code") for concept in _nested(value, "concept")]
    return len(set(map(str, codes))) == len(codes)


def _link_id_once(value: Json, _context: Context) -> bool:
    links = [item.get("linkId") for item in _nested(value, "item")]
    return len(set(map(str, links))) == len(links)


def _nested(value: Json, key: str) -> Iterator[Json]:
    pending = _rows(value.get(key))
    while pending:
        row = pending.pop()
        yield row
        pending += _rows(row.get(key))


def _rows(value: Any) -> list[Json]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


_HOLDS: dict[str, Callable[[Json, Context], bool]] = {
    "per-1": _period,
    "dom-6": _has_narrative,
    "bdl-3": _exactly_in("request", frozenset({"batch", "transaction", "history"})),
    "bdl-4": _exactly_in("response", frozenset({"batch-response", "transaction-response", "history"})),
    "bdl-7": _versions_once,
    "csd-1": _code_once,
    "que-2": _link_id_once,
}

WRITTEN = frozenset(_HOLDS) | {
    # Said by other rules: types, extension, narrative, reference, contained, bundle.
    *("ele-1", "ext-1", "txt-1", "txt-2", "ref-1", "dom-2", "dom-3", "dom-4", "dom-5", "bdl-8"),
}
"""Keys of the invariants that are not evaluated as FHIRPath."""


def build_object(definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check of the invariants of a structure that are written here."""
    found = [(_HOLDS[i.key], i) for i in definitions.invariants(structure.name) if i.key in _HOLDS]
    if not found:
        return None

    def check(value: Json, context: Context) -> list[Fault] | None:
        faults: list[Fault] | None = None
        for holds, invariant in found:
            if not holds(value, context):
                faults = gather(faults, broken(invariant))
        return faults

    return check


def broken(invariant: Invariant) -> list[Fault]:
    """Returns the fault of an invariant that does not hold."""
    severity = "error" if invariant.severity == "error" else "warning"
    text = f"{invariant.key}: {invariant.human}"
    return remark(severity, "invariant", text, id=f"invariant:{invariant.key}")
