"""The AuditEvents of ordinary accesses, from a template: most of an event is the same for all of a caller.

Every access writes an event. It is built and indexed once with marks in the places of what changes; later
accesses of the same kind only fill the places. tests/unit/audit/test_template.py compares with events that
are built and indexed anew. https://hl7.org/fhir/R4/auditevent.html
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache

from fhir_server.audit.activity import Activity
from fhir_server.audit.event import Access, Caller, build_event
from fhir_server.fhir.json import encode_json
from fhir_server.search.index import extract_index

_ID, _REFERRED, _PATIENT = "mark-of-the-id", "mark-of-the-resource", "mark-of-the-patient"
_REQUEST, _TOKEN = "mark-of-the-request", "mark-of-the-token"
_INSTANT, _ADDRESS = "1971-02-03T04:05:06.789Z", "203.0.113.213"
_VERSION, _QUERY, _EPOCH = "987654321987654321", "mark of the query", 123456789123456789
_MARKS = {
    "id": _ID,
    "instant": _INSTANT,
    "resource": _REFERRED,
    "version": _VERSION,
    "epoch": str(_EPOCH),
    "query": base64.b64encode(_QUERY.encode()).decode(),
    "patient": _PATIENT,
    "request": _REQUEST,
    "token": _TOKEN,
    "address": _ADDRESS,
}
_NAMES = {mark: name for name, mark in _MARKS.items()}
_ANY_MARK = re.compile("|".join(map(re.escape, _NAMES)))
_REFERENCE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})/_history/([0-9]+)")
_IP_V4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_PLAIN = re.compile(r"[A-Za-z0-9\-._]+")
"""What is written alike in JSON and in an index entry."""
_SEPARATOR = "\n"  # never part of an entry


@dataclass(frozen=True, slots=True)
class FilledEvent:
    """An AuditEvent as JSON, the tokens it is found by, and the patients whose records it belongs to."""

    raw: bytes
    tokens: list[str]
    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the constant part of an event depends on."""

    interaction: str
    has_query: bool
    resource_type: str
    """Of what is touched, "" when nothing is named."""
    has_patient: bool
    is_patient: bool
    """What is touched is the Patient itself."""
    is_own: bool
    """The agent is the patient."""
    rule: str
    has_epoch: bool
    client_id: str
    fhir_user: str
    purpose: str
    address: str
    activity: Activity


@dataclass(frozen=True, slots=True)
class _Template:
    raw: str
    tokens: str
    patients: tuple[str, ...]


def fill_event(
    access: Access, caller: Caller, event_id: str, recorded: str, observer: str
) -> FilledEvent | None:
    """Returns the event of a success with one resource, or none; None when the access is of another kind."""
    values = _values(access, caller)
    if values is None:
        return None
    values["id"] = event_id
    values["instant"] = recorded
    is_own = bool(access.patient) and caller.fhir_user == f"Patient/{access.patient}"
    kind = _Kind(
        access.interaction,
        "query" in values,
        values["type"],
        bool(access.patient),
        values["type"] == "Patient",
        is_own,
        access.rule,
        bool(access.epoch),
        caller.client_id,
        "" if is_own else caller.fhir_user,
        caller.purpose,
        _ADDRESS if "address" in values else caller.address,
        caller.activity,
    )
    template = _template(kind, observer)
    if template is None:
        return None
    return FilledEvent(
        (template.raw % values).encode(),
        (template.tokens % values).split(_SEPARATOR),
        tuple([patient % values for patient in template.patients]),
    )


def _values(access: Access, caller: Caller) -> dict[str, str] | None:
    """What fills the places; None where a place would not do."""
    request = caller.request_id or caller.token_id
    if access.denied or not (_PLAIN.fullmatch(request) and _PLAIN.fullmatch(caller.token_id)):
        return None
    values = {"type": "", "patient": access.patient, "request": request, "token": caller.token_id}
    values["epoch"] = str(access.epoch)
    if access.query:
        values["query"] = base64.b64encode(access.query.encode()).decode()
    if _IP_V4.fullmatch(caller.address):
        values["address"] = caller.address
    if access.references:
        return _with_resource(values, access)
    return values


def _with_resource(values: dict[str, str], access: Access) -> dict[str, str] | None:
    if len(access.references) > 1:
        return None
    found = _REFERENCE.fullmatch(access.references[0])
    if found is None or (found[1] == "Patient" and found[2] != access.patient):
        return None
    values["type"], values["resource"], values["version"] = found.groups()
    return values


@lru_cache(maxsize=2048)
def _template(kind: _Kind, observer: str) -> _Template | None:
    if _ANY_MARK.search(
        "\n".join((kind.client_id, kind.fhir_user, kind.purpose, kind.rule, observer, str(kind.activity)))
    ):
        return None
    resource = _PATIENT if kind.is_patient else _REFERRED
    access = Access(
        kind.interaction,
        kind.resource_type,
        _PATIENT if kind.has_patient else "",
        (f"{kind.resource_type}/{resource}/_history/{_VERSION}",) if kind.resource_type else (),
        _QUERY if kind.has_query else "",
        rule=kind.rule,
        epoch=_EPOCH if kind.has_epoch else 0,
    )
    user = f"Patient/{_PATIENT}" if kind.is_own else kind.fhir_user
    caller = Caller(kind.client_id, _TOKEN, user, kind.purpose, kind.address, _REQUEST, kind.activity)
    event = build_event(access, caller, _ID, _INSTANT, observer)
    index = extract_index(event, 0)
    return _Template(
        _with_places(encode_json(event).decode()),
        _with_places(_SEPARATOR.join(index.tokens)),
        tuple(map(_with_places, index.patients)),
    )


def _with_places(text: str) -> str:
    return _ANY_MARK.sub(lambda found: f"%({_NAMES[found[0]]})s", text.replace("%", "%%"))
