"""What carries the labels of what it refers to: Provenance, List, Composition … as `inherited.csv` says.

docs/decisions/0027-labels-travel.md
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from fhir_server.fhir import Resource
from fhir_server.fhir.reference import parse_reference
from fhir_server.search.entries import Filter, escape


@cache
def _rows() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Returns container type → (search parameter, element path)."""
    text = resources.files(__package__).joinpath("inherited.csv").read_text("utf-8")
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        found.setdefault(row["container"], []).append((row["code"], tuple(row["element"].split("."))))
    return found


def containers() -> frozenset[str]:
    """Returns the types that carry the labels of others."""
    return frozenset(_rows())


def referred(resource: Resource, base_url: str) -> set[tuple[str, str]]:
    """Returns type and id of what a resource carries the labels of."""
    rows = _rows().get(str(resource.get("resourceType")), ())
    return {
        target
        for _, path in rows
        for value in _values(resource, path)
        if (target := _local(value, base_url)) is not None
    }


def referring(container: str, resource_type: str, resource_id: str) -> Filter:
    """Returns the filter of the containers of a type that carry the labels of a resource."""
    tokens = [f"{code}={escape(resource_id)}|{resource_type}" for code, _ in _rows()[container]]
    return {"t": {"$in": tokens}}


def binaries(resource: Resource, base_url: str) -> set[str]:
    """Returns the ids of the Binaries that hold the content of a DocumentReference."""
    found = set()
    for content in _dicts(resource.get("content")):
        attachment = content.get("attachment")
        reference = parse_reference(attachment.get("url"), base_url) if isinstance(attachment, dict) else None
        if reference is not None and reference.kind == "local" and reference.type == "Binary":
            found.add(reference.id)
    return found


def _local(value: Any, base_url: str) -> tuple[str, str] | None:
    text = value.get("reference") if isinstance(value, dict) else None
    reference = parse_reference(text, base_url) if isinstance(text, str) else None
    if reference is None or reference.kind != "local":
        return None
    return reference.type, reference.id


def _values(node: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(node, list):
        for one in node:
            yield from _values(one, path)
    elif not path:
        yield node
    elif isinstance(node, Mapping):
        yield from _values(node.get(path[0]), path[1:])
        if path[0] == "section":  # sections nest
            yield from _values(node.get("section"), path)


def _dicts(value: Any) -> list[Resource]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
