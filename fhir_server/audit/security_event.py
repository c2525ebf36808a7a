"""AuditEvents of logins, tokens, grants and clients: no secret, no token, only their names.

https://profiles.ihe.net/ITI/IUA (ITI-71), https://dicom.nema.org/medical/dicom/current/output/html/part15.html#sect_A.5
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.audit.activity import NO_ACTIVITY, Activity, place_of, role_of
from fhir_server.fhir import Resource

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_IHE = "urn:ihe:event-type-code"
_OWN = "urn:fhir-server:security-event"

# event → (type, display of the type, subtype (system, code, display))
_KINDS: dict[str, tuple[str, str, tuple[str, str, str]]] = {
    "login": ("110114", "User Authentication", (_DCM, "110122", "Login")),
    "logout": ("110114", "User Authentication", (_DCM, "110123", "Logout")),
    "token-issued": ("110114", "User Authentication", (_IHE, "ITI-71", "Get Access Token")),
    "token-refused": ("110114", "User Authentication", (_IHE, "ITI-71", "Get Access Token")),
    "token-revoked": ("110113", "Security Alert", (_OWN, "token-revoked", "Token revoked")),
    "token-reused": ("110113", "Security Alert", (_OWN, "token-reused", "Code or refresh token used twice")),
    "grant-given": ("110113", "Security Alert", (_OWN, "grant-given", "Access granted to an app")),
    "grant-refused": ("110113", "Security Alert", (_OWN, "grant-refused", "Access refused to an app")),
    "grant-revoked": ("110113", "Security Alert", (_OWN, "grant-revoked", "Access of an app revoked")),
    "emergency-opened": ("110113", "Security Alert", (_DCM, "110127", "Emergency Override Started")),
    "record-purged": ("110110", "Patient Record", (_OWN, "record-purged", "Record deleted physically")),
    "client-changed": ("110113", "Security Alert", (_DCM, "110136", "Security Roles Changed")),
    "account-changed": ("110113", "Security Alert", (_DCM, "110137", "User security Attributes Changed")),
}
SECURITY_EVENTS = frozenset(_KINDS)


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """Something that happened to an account, a client, a grant or a token."""

    kind: str
    """One of SECURITY_EVENTS."""
    client_id: str = ""
    fhir_user: str = ""
    """Patient/…, Practitioner/… of the person; "" when nobody is known."""
    account: str = ""
    """Name of the account that was tried, when nobody is known by it."""
    patient: str = ""
    """Logical id of the record that the grant or token reaches."""
    token_id: str = ""
    denied: str = ""
    """Why it failed; "" when it did not."""
    scope: str = ""
    address: str = ""
    request_id: str = ""
    activity: Activity = NO_ACTIVITY
    """In which the person acts."""
    purpose: str = ""
    """Code of v3-ActReason, of an emergency."""
    reason: str = ""
    """Why a record was opened in an emergency, in the words of the professional."""


def build_security_event(event: SecurityEvent, event_id: str, recorded: str, observer: str) -> Resource:
    """Returns the AuditEvent; `recorded` is a FHIR instant, `observer` names this server."""
    code, display, (system, subcode, subdisplay) = _KINDS[event.kind]
    resource: Resource = {
        "resourceType": "AuditEvent",
        "id": event_id,
        "meta": {"versionId": "1", "lastUpdated": recorded},
        "type": {"system": _DCM, "code": code, "display": display},
        "subtype": [{"system": system, "code": subcode, "display": subdisplay}],
        "action": "E",
        "recorded": recorded,
        "outcome": "4" if event.denied else "0",
    }
    if event.denied:
        resource["outcomeDesc"] = event.denied
    if event.purpose:
        coding = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": event.purpose}
        resource["purposeOfEvent"] = [{"coding": [coding], "text": event.reason}]
    resource["agent"] = _agents(event, observer)
    resource["source"] = {"site": observer, "observer": {"display": observer}}
    if entities := _entities(event):
        resource["entity"] = entities
    return resource


def _agents(event: SecurityEvent, observer: str) -> list[Resource]:
    is_person = bool(event.fhir_user or event.account)
    agents: list[Resource] = []
    if event.client_id or not is_person:
        client: Resource = {
            "type": _dicom("110150", "Application"),
            "who": {"identifier": {"value": event.client_id or "unknown"}},
            "requestor": not is_person,
        }
        agents.append(client)
    if is_person:
        who = {"reference": event.fhir_user} if event.fhir_user else {"identifier": {"value": event.account}}
        agents.append({"type": _human(), **role_of(event.activity), "who": who, "requestor": True})
        agents += place_of(event.activity)
    if event.address:
        agents[0]["network"] = {"address": event.address, "type": "2"}
    agents.append(
        {"type": _dicom("110152", "Destination Role ID"), "who": {"display": observer}, "requestor": False}
    )
    return agents


def _entities(event: SecurityEvent) -> list[Resource]:
    entities: list[Resource] = []
    type_, role = (
        "http://terminology.hl7.org/CodeSystem/audit-entity-type",
        "http://terminology.hl7.org/CodeSystem/object-role",
    )
    if event.patient:
        entities.append(
            {
                "what": {"reference": f"Patient/{event.patient}"},
                "type": {"system": type_, "code": "1"},
                "role": {"system": role, "code": "1"},
            }
        )
    if event.token_id or event.scope:
        entity: Resource = {
            "what": {"identifier": {"system": "urn:oauth:token", "value": event.token_id or "none"}},
            "type": {"system": type_, "code": "2"},
            "role": {"system": role, "code": "13", "display": "Security Resource"},
        }
        if event.scope:
            entity["detail"] = [{"type": "scope", "valueString": event.scope}]
        entities.append(entity)
    if event.request_id:
        system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
        entities.append(
            {
                "type": {"system": system, "code": "XrequestId"},
                "what": {"identifier": {"value": event.request_id}},
            }
        )
    return entities


def _dicom(code: str, display: str) -> Resource:
    return {"coding": [{"system": _DCM, "code": code, "display": display}]}


def _human() -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/extra-security-role-type"
    return {"coding": [{"system": system, "code": "humanuser", "display": "human user"}]}
