"""_summary and _elements: parts of a resource, marked SUBSETTED. https://hl7.org/fhir/R4/search.html#summary"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_server.definitions.registry import Structure, load_definitions
from fhir_server.errors import Invalid
from fhir_server.fhir import Resource
from fhir_server.fhir.json import encode_json, parse_json

_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_SUMMARIES = ("true", "text", "data", "count", "false")
_ALWAYS = frozenset({"resourceType", "id", "meta"})


def subset(raw: bytes, resource_type: str, query: Iterable[tuple[str, str]]) -> bytes:
    """Returns the JSON of a stored resource, reduced as _summary or _elements in the query say."""
    wanted = [(k, v) for k, v in query if k in ("_summary", "_elements")]
    if not wanted:
        return raw
    summary = next((v for k, v in wanted if k == "_summary"), "false")
    elements = [e for k, v in wanted if k == "_elements" for e in v.split(",") if e]
    if summary not in _SUMMARIES:
        raise Invalid(f"_summary takes one of {', '.join(_SUMMARIES)}", "http._summary")
    if elements and summary not in ("false", "count"):
        raise Invalid("_summary and _elements exclude each other", "http._elements")
    if not elements and summary in ("false", "count"):
        return raw
    resource = parse_json(raw)
    structure = load_definitions().structure(resource_type)
    reduced = _elements(resource, structure, elements) if elements else _SUMMARY[summary](resource, structure)
    return encode_json(_marked(reduced))


def _elements(resource: Resource, structure: Structure, elements: list[str]) -> Resource:
    names = {e.removeprefix(f"{structure.name}.").partition(".")[0] for e in elements}
    needed = {e.name for e in structure.elements.values() if e.min > 0 or e.modifier}
    return _keep(resource, structure, names | needed)


def _summary_text(resource: Resource, structure: Structure) -> Resource:
    needed = {e.name for e in structure.elements.values() if e.min > 0}
    return _keep(resource, structure, needed | {"text"})


def _summary_data(resource: Resource, structure: Structure) -> Resource:
    return {k: v for k, v in resource.items() if k != "text"}


def _summary_true(resource: Resource, structure: Structure) -> Resource:
    return _summary_elements(resource, structure)


def _summary_elements(value: Resource, structure: Structure) -> Resource:
    """Keeps what the specification marks Σ, inside backbone elements too; data types stay whole."""
    kept: Resource = {}
    for key, child in value.items():
        found = structure.keys.get(key.removeprefix("_"))
        if key in _ALWAYS:
            kept[key] = child
        elif found is not None and found[0].summary:
            kept[key] = _summary_child(child, found[1])
    return kept


def _summary_child(child: Any, type_: str) -> Any:
    structure = load_definitions().structure_or_none(type_)
    if structure is None or structure.kind != "backbone":
        return child
    if isinstance(child, list):
        return [_summary_elements(item, structure) for item in child]
    return _summary_elements(child, structure)


def _keep(resource: Resource, structure: Structure, names: set[str]) -> Resource:
    keys = {key for key, (element, _) in structure.keys.items() if _is_named(element.name, key, names)}
    return {k: v for k, v in resource.items() if k in _ALWAYS or k.removeprefix("_") in keys}


def _is_named(name: str, key: str, names: set[str]) -> bool:
    return name in names or name.removesuffix("[x]") in names or key in names


def _marked(resource: Resource) -> Resource:
    meta = dict(resource.get("meta", {}))
    tags = list(meta.get("tag", []))
    if not any(tag.get("code") == "SUBSETTED" and tag.get("system") == _SUBSETTED["system"] for tag in tags):
        tags.append(_SUBSETTED)
    return {**resource, "meta": {**meta, "tag": tags}}


_SUMMARY = {"true": _summary_true, "text": _summary_text, "data": _summary_data}
