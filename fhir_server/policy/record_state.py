"""The Consent that states the state of a record, as an operation or a deadline of the law writes it.

docs/security/patient-decides.md, template `record`; CSP L1111-13-1, R1111-36
"""

from __future__ import annotations

from typing import Any

from fhir_server.fhir import Resource
from fhir_server.fhir.instant import format_instant
from fhir_server.fhir.labels import MASQUE_PS, with_labels
from fhir_server.policy.consent_templates import POLICY, ROOT, STATE_SYSTEM
from fhir_server.policy.record_policy import ANNOUNCED, OPEN

_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_PROFILE = f"{ROOT}/StructureDefinition/dmp-consent-record"


def build_state(patient: str, state: str, now: int, reason: str = "") -> Resource:
    """Returns the Consent by which a record gets a state at a moment (ms).

    A reason is the text of the state: what whoever decided meant by it. It is masked to professionals, for it
    may tell of one of them, and a record that is opened again shows what was decided before.
    """
    concept: dict[str, Any] = {"coding": [{"system": STATE_SYSTEM, "code": state}]}
    if reason:
        concept["text"] = reason
    consent: Resource = {
        "resourceType": "Consent",
        "meta": {"profile": [_PROFILE]},
        "status": "active",
        "scope": {"coding": [{"system": _SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": format_instant(now),
        "policy": [{"uri": f"{POLICY}record"}],
        "provision": {"type": "permit" if state in (OPEN, ANNOUNCED) else "deny", "code": [concept]},
    }
    return with_labels(consent, MASQUE_PS) if reason else consent
