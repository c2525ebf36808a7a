"""Builds the AuditEvent of an access, in the shape of IHE Basic Audit Log Patterns.

https://profiles.ihe.net/ITI/BALP, https://hl7.org/fhir/R4/auditevent.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fhir_server.audit.activity import NO_ACTIVITY, Activity, place_of, role_of
from fhir_server.fhir import Resource

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ENTITY_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
RULE_POLICY = "https://dmp-fhir.example.org/fhir/Policy/dmp-rule-"
"""In agent.policy of whoever asked, before the code of the rule that decided."""

EPOCH_DETAIL = "policy-epoch"
"""entity.detail.type of the record, beside the epoch of the policy by which was decided."""

_PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."

_REST = {
    "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
    "code": "rest",
    "display": "Restful Operation",
}
# interaction → (AuditEvent.action, BALP pattern)
_ACTIONS = {
    "read": ("R", "Read"),
    "vread": ("R", "Read"),
    "history-instance": ("R", "Read"),
    "history-type": ("E", "Query"),
    "history-system": ("E", "Query"),
    "search-type": ("E", "Query"),
    "search-system": ("E", "Query"),
    "create": ("C", "Create"),
    "update": ("U", "Update"),
    "patch": ("U", "Update"),
    "delete": ("D", "Delete"),
    "transaction": ("E", ""),
    "operation": ("E", ""),
}
_CLIENT_IS_SOURCE = frozenset({"create", "update", "patch", "delete"})


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller did, or tried to do, to one patient's resources."""

    interaction: str
    """Code of http://hl7.org/fhir/restful-interaction."""
    resource_type: str
    patient: str = ""
    references: tuple[str, ...] = ()
    """Type/id/_history/version of what was touched."""
    query: str = ""
    denied: str = ""
    """Why it failed; "" when it did not."""
    labels: int = 0
    """Visibility labels of what was touched: who may not see it does not see the trace either."""
    hidden_until: int = 0
    """Until when it is hidden from the patient, ms."""
    rule: str = ""
    """Code of rules.csv: which rule decided; "" where none is told."""
    epoch: int = 0
    """Of the policy of the record by which it was decided; 0 where none was looked up."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The agents of an event."""

    client_id: str
    token_id: str
    fhir_user: str
    purpose: str
    address: str
    request_id: str
    activity: Activity = NO_ACTIVITY


def merge_accesses(accesses: Iterable[Access]) -> list[Access]:
    """Joins the accesses of one request that differ only in what they touched, one per patient and kind."""
    merged: dict[Access, list[str]] = {}
    accesses = list(accesses)
    if len(accesses) == 1:  # a read, most of the time
        return accesses
    for access in accesses:
        merged.setdefault(replace(access, references=()), []).extend(access.references)
    return [replace(key, references=tuple(dict.fromkeys(found))) for key, found in merged.items()]


def build_event(access: Access, caller: Caller, event_id: str, recorded: str, observer: str) -> Resource:
    """Returns the AuditEvent of an access; `recorded` is a FHIR instant, `observer` names this server."""
    action, pattern = _ACTIONS[access.interaction]
    event: Resource = {
        "resourceType": "AuditEvent",
        "id": event_id,
        "meta": {
            "versionId": "1",
            "lastUpdated": recorded,
        },
        "type": _REST,
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": access.interaction}],
        "action": action,
        "recorded": recorded,
        "outcome": "4" if access.denied else "0",
    }
    if pattern:
        event["meta"]["profile"] = [f"{_PROFILE}{'Patient' if access.patient else ''}{pattern}"]
    if access.denied:
        event["outcomeDesc"] = access.denied
    event["purposeOfEvent"] = [_purpose(caller)]
    event["agent"] = _agents(access, caller, observer)
    event["source"] = {"site": observer, "observer": {"display": observer}}
    event["entity"] = _entities(access, caller)
    return event


def _purpose(caller: Caller) -> Resource:
    return {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": caller.purpose}]
    }


def _agents(access: Access, caller: Caller, observer: str) -> list[Resource]:
    client_role, server_role = ("110153", "110152")
    if access.interaction not in _CLIENT_IS_SOURCE and _ACTIONS[access.interaction][0] == "R":
        client_role, server_role = server_role, client_role
    client: Resource = {
        "type": _role(client_role),
        "who": {"identifier": {"value": caller.client_id}},
        "requestor": not caller.fhir_user,
    }
    if access.rule and not caller.fhir_user:
        client["policy"] = [f"{RULE_POLICY}{access.rule}"]
    if caller.address:
        client["network"] = {"address": caller.address, "type": "2"}
    agents = [client, {"type": _role(server_role), "who": {"display": observer}, "requestor": False}]
    if caller.fhir_user:
        agents.append(_person(access, caller))
    return [*agents, *place_of(caller.activity)]


def _person(access: Access, caller: Caller) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    return {
        "type": {"coding": [{"system": system, "code": "IRCP", "display": "information recipient"}]},
        **role_of(caller.activity),
        "who": {"reference": caller.fhir_user},
        "requestor": True,
        "policy": [
            f"urn:oauth:token:{caller.token_id}",
            *([f"{RULE_POLICY}{access.rule}"] if access.rule else []),
        ],
    }


def _role(code: str) -> Resource:
    display = {"110152": "Destination Role ID", "110153": "Source Role ID"}[code]
    return {"coding": [{"system": _DCM, "code": code, "display": display}]}


def _entities(access: Access, caller: Caller) -> list[Resource]:
    entities: list[Resource] = []
    if access.query:
        entities.append(
            {
                "type": {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"},
                "role": {"system": _ENTITY_ROLE, "code": "24", "display": "Query"},
                "query": base64.b64encode(access.query.encode()).decode(),
            }
        )
    entities += [_touched(reference, access) for reference in access.references]
    if access.patient:
        entities.append(_record(access))
    entities.append(
        {
            "type": {
                "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
                "code": "XrequestId",
            },
            "what": {"identifier": {"value": caller.request_id or caller.token_id}},
        }
    )
    return entities


def _record(access: Access) -> Resource:
    record = _object(f"Patient/{access.patient}", "1", "1")
    if access.epoch:
        record["detail"] = [{"type": EPOCH_DETAIL, "valueString": str(access.epoch)}]
    return record


def _touched(reference: str, access: Access) -> Resource:
    """Names another patient that was asked for in vain: a reference would put the event in that record."""
    is_other = reference.startswith("Patient/") and reference != f"Patient/{access.patient}"
    if access.denied and access.patient and is_other:
        return {
            "type": {"system": _ENTITY_TYPE, "code": "2"},
            "role": {"system": _ENTITY_ROLE, "code": "4"},
            "name": reference,
        }
    return _object(reference, "2", "4")


def _object(reference: str, type_: str, role: str) -> Resource:
    return {
        "what": {"reference": reference},
        "type": {"system": _ENTITY_TYPE, "code": type_},
        "role": {"system": _ENTITY_ROLE, "code": role},
    }
