"""The index entries of an AuditEvent that this server wrote itself. https://hl7.org/fhir/R4/auditevent.html#search

Every access writes an event, and most of it is the same for all accesses of one caller: that part is
extracted once. What changes, the entities and the time, is spelled here, at a fraction of the cost;
tests/unit/audit/test_index.py holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from fhir_server.audit.event import Access, Caller, build_event
from fhir_server.fhir import Resource
from fhir_server.fhir.reference import parse_reference
from fhir_server.search.entries import escape, hash_system
from fhir_server.search.index import IndexEntries, extract_index
from fhir_server.search.primary_date import sort_key

_SPELLED = frozenset({"what", "type", "role", "query", "detail"})
_CODES = (("type", "entity-type"), ("role", "entity-role"))
_PATIENT = "patient="


def index_event(event: Resource, access: Access, caller: Caller, recorded: int) -> IndexEntries:
    """Returns what `extract_index` finds in the event that this access became at `recorded` (ms)."""
    pattern = Access(
        access.interaction, "", access.patient and "x", denied=access.denied and "x", rule=access.rule
    )
    observer = event["source"]["site"]
    same = _extract_same(pattern, replace(caller, request_id=""), observer)
    tokens = dict.fromkeys(same.tokens)
    try:
        for entity in event["entity"]:
            tokens.update(dict.fromkeys(_spell(entity)))
    except _Unusual:
        return extract_index(event, recorded)
    patients = tuple(t[len(_PATIENT) :].partition("|")[0] for t in tokens if t.startswith(_PATIENT))
    if len(patients) > 1:
        tokens.update(dict.fromkeys(f"p={patient}" for patient in patients))
    return IndexEntries(
        patients=patients,
        tokens=list(tokens),
        ranges=[{"k": "date", "lo": recorded, "hi": recorded + 1}],
        sort_key=sort_key(recorded, event["id"]),
    )


class _Unusual(Exception):
    """An entity of a refused request: it may have a name, or a reference that leads out of this server."""


@lru_cache(maxsize=4096)
def _extract_same(access: Access, caller: Caller, observer: str) -> IndexEntries:
    event = build_event(access, caller, "x", "1970-01-01T00:00:00Z", observer)
    return extract_index({key: event[key] for key in event if key not in ("entity", "recorded")}, 0)


def _spell(entity: Resource) -> Iterator[str]:
    """Yields the entries of one entity as extraction spells them."""
    if not _SPELLED.issuperset(entity):
        raise _Unusual
    what = entity.get("what", {})
    if "identifier" in what:
        yield f"entity:identifier={escape(what['identifier']['value'])}|"
    if "reference" in what:
        reference = parse_reference(what["reference"])
        if reference is None or reference.kind != "local":
            raise _Unusual
        yield f"entity={reference.id}|{reference.type}"
        if reference.type == "Patient":
            yield f"{_PATIENT}{reference.id}|Patient"
    for element, code in _CODES:
        if element in entity:
            coding = entity[element]
            yield f"{code}={escape(coding['code'])}|{hash_system(coding['system'])}"
