"""Small profiles for tests, and a source that holds them."""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.conformance import Conformance
from fhir_server.definitions.sources import ListedSource, with_sources
from fhir_server.errors import Issue
from fhir_server.validation.validate import validate_resource

URL = "http://example.org/fhir/StructureDefinition/"
R4 = "http://hl7.org/fhir/StructureDefinition/"
Json = dict[str, Any]


def element(id_: str, **facts: Any) -> Json:
    """Returns an element of a differential, its path and sliceName read from its id."""
    path = ".".join(step.partition(":")[0] for step in id_.split("."))
    slice_ = id_.rpartition(".")[2].partition(":")[2]
    return {"id": id_, "path": path, **({"sliceName": slice_} if slice_ else {}), **facts}


def profile(name: str, type_: str, *elements: Json, parent: str = "", **more: Any) -> Json:
    """Returns a StructureDefinition with a differential."""
    kind = "resource" if type_[:1].isupper() and type_ not in ("Extension", "Identifier") else "complex-type"
    return {
        "resourceType": "StructureDefinition",
        "url": URL + name,
        "name": name,
        "status": "active",
        "kind": kind,
        "abstract": False,
        "type": type_,
        "baseDefinition": parent or R4 + type_,
        "derivation": "constraint",
        "differential": {"element": [element(type_), *elements]},
        **more,
    }


def slicing(kind: str, path: str, rules: str = "open", *, ordered: bool = False) -> Json:
    return {"discriminator": [{"type": kind, "path": path}], "rules": rules, "ordered": ordered}


def source(*resources: Json) -> Conformance:
    return with_sources(ListedSource(resources))


def told(resource: Json, conformance: Conformance, *names: str) -> list[tuple[str, str]]:
    """Returns (message id, expression) of the errors of a resource by profiles."""
    return [
        (i.message_id, i.expression) for i in issues(resource, conformance, *names) if i.severity == "error"
    ]


def issues(resource: Json, conformance: Conformance, *names: str) -> list[Issue]:
    return validate_resource(resource, profiles=[URL + name for name in names], conformance=conformance)
