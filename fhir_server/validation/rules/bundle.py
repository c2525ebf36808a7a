"""Bundles: identity of entries, what a document or a message must have inside.

https://hl7.org/fhir/R4/bundle.html#bundle-unique, https://hl7.org/fhir/R4/documents.html#content
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.fhir.reference import parse_reference
from fhir_server.validation.context import Context, find_entry
from fhir_server.validation.fault import Fault, ObjectCheck, fault, gather, is_full, show

Json = dict[str, Any]

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_WITHOUT_URL = frozenset({"transaction", "transaction-response", "batch", "batch-response"})
"""Types whose entries need no fullUrl."""

_MUST_RESOLVE = {
    "document": ("subject", "encounter", "author", "attester.party", "custodian", "event.detail"),
    "message": ("focus",),
}


def build_object(_definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check of a Bundle as a whole."""
    return _check if structure.name == "Bundle" else None


def _check(value: Json, context: Context) -> list[Fault] | None:
    rows = value.get("entry")
    type_ = str(value.get("type"))
    if not isinstance(rows, list):
        if type_ in _MUST_RESOLVE:
            return fault("invariant", f"A {type_} has at least one entry.", id="bundle:first")
        return None
    faults: list[Fault] | None = None
    need_url = type_ not in _WITHOUT_URL
    for i, row in enumerate(rows):
        found = _check_entry(row, need_url=need_url) if row.__class__ is dict else None
        if found:
            faults = gather(faults, found, f".entry[{i}]")
            if is_full(faults):
                return faults
    if type_ in _MUST_RESOLVE and rows:
        found = _check_first(rows[0], type_, context)
        faults = gather(faults, found) if found else faults
    return faults


def _check_entry(row: Json, *, need_url: bool) -> list[Fault] | None:
    url, resource = row.get("fullUrl"), row.get("resource")
    if url is None:
        if need_url and resource is not None and not _is_outcome(row) and "_fullUrl" not in row:
            return fault("required", "An entry with a resource needs a fullUrl.", id="bundle:full-url")
        return None
    if url.__class__ is not str:
        return None
    if not _ABSOLUTE.fullmatch(url):
        return fault("invalid", f"{show(url)} is not an absolute URL.", ".fullUrl", id="bundle:absolute")
    if "/_history/" in url:
        text = "bdl-8: fullUrl cannot be a version specific reference."
        return fault("invariant", text, ".fullUrl", id="invariant:bdl-8")
    return _check_identity(url, resource) if resource.__class__ is dict and url[:4] == "http" else None


def _check_identity(url: str, resource: Json) -> list[Fault] | None:
    id_, type_ = resource.get("id"), resource.get("resourceType")
    if id_.__class__ is str and not url.endswith("/" + id_):
        text = f"The id {show(id_)} is not the one of the fullUrl {show(url)}."
        return fault("invalid", text, ".fullUrl", id="bundle:id")
    reference = parse_reference(url)
    if reference is not None and reference.type not in ("", type_):
        text = f"The fullUrl {show(url)} is that of a resource of another type than {show(str(type_))}."
        return fault("invalid", text, ".fullUrl", id="bundle:type")
    return None


def _is_outcome(row: Json) -> bool:
    search = row.get("search")
    return isinstance(search, dict) and search.get("mode") == "outcome"


def _check_first(row: Any, type_: str, context: Context) -> list[Fault] | None:
    """Checks that what the Composition or MessageHeader refers to is in the Bundle."""
    resource = row.get("resource") if isinstance(row, dict) else None
    if not isinstance(resource, dict):
        return None
    url = row.get("fullUrl")
    faults: list[Fault] | None = None
    for path, literal in _first_references(resource, type_):
        if not _is_inside(context, literal, url if isinstance(url, str) else "", resource):
            text = f"{show(literal)} is not in the Bundle, as it must be in a {type_}."
            place = f".entry[0].resource.{path}.reference"
            faults = gather(faults, fault("not-found", text, place, id="bundle:reference"))
            if is_full(faults):
                break
    return faults


def _is_inside(context: Context, literal: str, url: str, first: Json) -> bool:
    if literal.startswith("#"):
        return True
    reference = parse_reference(literal)
    unversioned = (
        literal.partition("/_history/")[0] if reference is not None and reference.version else literal
    )
    return find_entry(context, unversioned, url) is not None


def _first_references(resource: Json, type_: str) -> Iterator[tuple[str, str]]:
    for path in _MUST_RESOLVE[type_]:
        yield from _references(resource, path.split("."), "")
    if type_ == "document":
        yield from _section_references(resource)


def _section_references(resource: Json) -> Iterator[tuple[str, str]]:
    pending = [(resource, "")]
    while pending:
        holder, path = pending.pop()
        for at, section in _items(holder, "section"):
            yield from _references(section, ["entry"], f"{path}{at}.")
            pending.append((section, f"{path}{at}."))


def _references(holder: Json, steps: list[str], path: str) -> Iterator[tuple[str, str]]:
    step, *rest = steps
    for at, item in _items(holder, step):
        if rest:
            yield from _references(item, rest, f"{path}{at}.")
        elif isinstance(literal := item.get("reference"), str):
            yield path + at, literal


def _items(holder: Json, key: str) -> Iterator[tuple[str, Json]]:
    value = holder.get(key)
    if isinstance(value, dict):
        yield key, value
    for i, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield f"{key}[{i}]", item
