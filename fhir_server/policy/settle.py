"""What a write brings with it: labels travel to what refers to it, Binaries get an owner.

docs/decisions/0027-labels-travel.md, docs/decisions/0025-the-patient-decides.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.errors import Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhir.json import parse_json
from fhir_server.fhir.labels import INVISIBLE_PATIENT, labels_of
from fhir_server.policy.actor import SYSTEM, Actor
from fhir_server.policy.inherited import binaries, containers, referred, referring
from fhir_server.storage.record_fields import RECORD_FIELDS, RecordFields
from fhir_server.storage.stored import Document, decompress

_ROUNDS = 8
"""Containers of containers; a chain that is longer is refused."""

_FROM_TARGETS = frozenset({"Provenance"})
"""Containers that are in the record of what they refer to."""


@dataclass(frozen=True, slots=True)
class Written:
    """One write of a transaction."""

    resource_type: str
    resource: Resource
    """Empty for a deletion."""
    document: Document
    before: Document | None
    actor: Actor

    @property
    def key(self) -> tuple[str, str]:
        return self.resource_type, self.document["_id"]


def is_settled_alone(resource: Resource, labels: int, base_url: str) -> bool:
    """Tells whether a new resource brings nothing with it: one round trip then writes it."""
    resource_type = resource["resourceType"]
    if labels or resource_type in containers():
        return False
    return not (resource_type == "DocumentReference" and binaries(resource, base_url))


def settle(records: RecordFields, written: Sequence[Written], base_url: str) -> None:
    """Brings the fields of what was written, and of all that refers to it, to what the labels say."""
    changed: dict[tuple[str, str], None] = {}
    for one in written:
        if _access(one.document) != _access(one.before or {}):
            if one.before is not None:
                records.set(*one.key, _fields(one.document))
            changed[one.key] = None
    own = [(one.resource_type, one.document, one.resource) for one in written if one.resource]
    recomputed = _recompute(records, [row for row in own if row[0] in containers()], base_url)
    changed.update(dict.fromkeys(recomputed))
    for _ in range(_ROUNDS):
        if not changed:
            break
        changed = dict.fromkeys(_recompute(records, _containers_of(records, changed), base_url))
    else:
        raise Unprocessable("what refers to what refers to this … : too long a chain")
    for one in written:
        if one.resource_type == "DocumentReference" and one.resource:
            _own_binaries(records, one, base_url)


def _access(document: Mapping[str, Any]) -> tuple[Any, ...]:
    return document.get("vis", 0), document.get("iv", 0)


def _fields(document: Mapping[str, Any]) -> Document:
    return {name: document[name] for name in ("p", *RECORD_FIELDS) if name in document}


def _containers_of(
    records: RecordFields, changed: Iterable[tuple[str, str]]
) -> list[tuple[str, Document, Resource]]:
    found: dict[tuple[str, str], tuple[str, Document, Resource]] = {}
    for container in sorted(containers()):
        criteria = {"$or": [referring(container, *key) for key in changed]}
        for document in records.referring(container, criteria):
            resource = parse_json(decompress(document["z"]))
            found[container, document["_id"]] = (container, document, resource)
    return list(found.values())


def _recompute(
    records: RecordFields, rows: Sequence[tuple[str, Document, Resource]], base_url: str
) -> list[tuple[str, str]]:
    """Joins the labels of containers with those of what they refer to; returns which have changed."""
    targets = [referred(resource, base_url) for _, _, resource in rows]
    facts = _look_up(records, set().union(*targets)) if rows else {}
    changed = []
    for (resource_type, document, resource), named in zip(rows, targets, strict=True):
        fields = _joined(document, resource, [facts[key] for key in named if key in facts])
        if resource_type in _FROM_TARGETS:
            fields |= _shared_record(document, [facts[key] for key in named if key in facts])
        if fields != _fields(document):
            records.set(resource_type, document["_id"], fields)
            changed.append((resource_type, document["_id"]))
    return changed


def _joined(document: Document, resource: Resource, targets: Sequence[Document]) -> Document:
    """Returns the fields of a container: what hides one of its parts hides it."""
    own = labels_of(resource)
    fields = _fields(document) | {"vis": own}
    ends = [document.get("iv", 0) if own & INVISIBLE_PATIENT else 0]
    for target in targets:
        fields["vis"] |= target.get("vis", 0)
        ends.append(target.get("iv", 0))
    return fields | {"iv": max(ends)}


def _shared_record(document: Document, targets: Sequence[Document]) -> Document:
    patients = {target.get("p") for target in targets}
    if "p" in document or len(patients) != 1 or None in patients:
        return {}
    return {"p": patients.pop()}


def _look_up(records: RecordFields, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Document]:
    by_type: dict[str, list[str]] = {}
    for resource_type, resource_id in keys:
        by_type.setdefault(resource_type, []).append(resource_id)
    return {
        (resource_type, document["_id"]): document
        for resource_type, ids in by_type.items()
        for document in records.facts(resource_type, ids)
    }


# --- the content of documents ----------------------------------------------------------------------


def _own_binaries(records: RecordFields, written: Written, base_url: str) -> None:
    """Puts the content of a document into the record of the document, with its labels.

    Only what the writer created, or what is in the same record already: an id is not a right to read.
    """
    wanted = binaries(written.resource, base_url)
    facts = {fact["_id"]: fact for fact in records.facts("Binary", wanted)}
    patient = written.document.get("p")
    for binary_id, fact in facts.items():
        if not _may_take(fact, patient, written.actor):
            place = "DocumentReference.content.attachment.url"
            raise Unprocessable(f"Binary/{binary_id} is not known", place)
        if patient is None:
            continue
        fields = _fields(written.document) | {"au": fact.get("au", written.document.get("au", []))}
        records.set("Binary", binary_id, fields)


def _may_take(fact: Document, patient: str | None, actor: Actor) -> bool:
    if actor.kind == SYSTEM:
        return fact.get("p") in (None, patient)
    if fact.get("p") is not None:
        return bool(fact["p"] == patient)
    return bool({actor.reference, actor.organization, f"Patient/{patient}"} & set(fact.get("au", [])))
