"""_include and _revinclude: which further resources a result brings. https://hl7.org/fhir/R4/search.html#include"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from fhir_server.definitions.registry import SearchParameter, load_definitions
from fhir_server.errors import Invalid, NotSupported
from fhir_server.search.entries import EVERYTHING, URL, Filter
from fhir_server.search.extraction import type_table

MAX_INCLUDES = 50
"""_include and _revinclude parameters of one search."""


@dataclass(frozen=True, slots=True)
class Include:
    """One _include or _revinclude parameter."""

    source: str
    """Type that refers; "" for any (_include=*, _revinclude=*)."""
    stored: tuple[str, ...]
    """Entries that hold the references; empty for all."""
    target: str
    """Type that is referred to; "" for any."""
    reverse: bool
    iterate: bool


def read_include(name: str, text: str, declared: Collection[str], base_type: str) -> Include:
    """Reads Source:parameter[:Target], Source:* or *; `name` may end with :iterate."""
    key, _, modifier = name.partition(":")
    if modifier not in ("", "iterate", "recurse"):  # STU3 said recurse
        raise NotSupported(f"{name}: the modifier is not supported", f"http.{name}")
    reverse, iterate = key == "_revinclude", bool(modifier)
    if text == "*":
        return Include("" if iterate or reverse else base_type, (), "", reverse, iterate)
    source, *rest = text.split(":")
    if not rest or len(rest) > 2 or not load_definitions().is_resource_type(source):
        raise Invalid(f"{name}: Source:parameter or Source:parameter:Target", f"http.{name}")
    target = rest[1] if len(rest) == 2 else ""
    if target and not load_definitions().is_resource_type(target):
        raise Invalid(f"{name}: {target[:64]!r} is no resource type", f"http.{name}")
    return Include(source, _stored(name, source, rest[0], declared), target, reverse, iterate)


def _stored(name: str, source: str, code: str, declared: Collection[str]) -> tuple[str, ...]:
    if code == "*":
        return ()
    parameter = load_definitions().search_parameters(source).get(code)
    stored = type_table(source).stored.get(code, ())
    if parameter is None or code not in declared or not stored:
        raise NotSupported(f"{name}: {source} has no search parameter {code[:64]!r}", f"http.{name}")
    if parameter.type != "reference":
        raise Invalid(f"{name}: {code} is no reference", f"http.{name}")
    return stored


def reference_codes(include: Include, resource_type: str) -> tuple[str, ...]:
    """Returns the names of the entries by which a resource of a type refers."""
    if include.stored:
        return include.stored
    parameters = load_definitions().search_parameters(resource_type)
    table = type_table(resource_type)
    codes = (s for c, p in parameters.items() if p.type == "reference" for s in table.stored.get(c, ()))
    return tuple(dict.fromkeys(codes))


def forward_targets(
    includes: Iterable[Include], resource_type: str, documents: Iterable[dict[str, Any]]
) -> dict[str, list[str]]:
    """Returns, by type, the ids that documents of a type refer to by the includes."""
    wanted: dict[str, set[str]] = {}
    for include in includes:
        if include.source in ("", resource_type):
            for code in reference_codes(include, resource_type):
                wanted.setdefault(code, set()).add(include.target)
    targets: dict[str, dict[str, None]] = {}
    for document in documents:
        for token in document["t"]:
            code, separator, value = token.partition("=")
            if separator and code in wanted:
                id_, _, type_ = value.rpartition("|")
                if type_ != URL and ("" in wanted[code] or type_ in wanted[code]):
                    targets.setdefault(type_, {})[id_] = None
    # A reference is any string: Nothing/1 leads to no type.
    known = load_definitions().is_resource_type
    return {type_: list(ids) for type_, ids in targets.items() if known(type_)}


def _may_refer(parameter: SearchParameter, resource_type: str) -> bool:
    return not parameter.target or not {resource_type, "Resource"}.isdisjoint(parameter.target)


def reverse_filter(include: Include, resource_type: str, ids: Collection[str]) -> Filter | None:
    """Returns what refers by a _revinclude to resources of a type; None when it cannot."""
    if include.target not in ("", resource_type) or not ids:
        return None
    parameters = load_definitions().search_parameters(include.source)
    codes = [c for c in reference_codes(include, include.source) if _may_refer(parameters[c], resource_type)]
    if not codes:
        return None
    tokens = [f"{code}={id_}|{resource_type}" for code in codes for id_ in ids]
    return {"$and": [{"t": {"$eq": EVERYTHING}}, {"t": {"$in": tokens}}]}
