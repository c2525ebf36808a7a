"""Who asks, on whose behalf and with which grant. https://hl7.org/fhir/smart-app-launch/STU2.2/"""

from __future__ import annotations

from dataclasses import dataclass, field

from fhir_server.audit.activity import NO_ACTIVITY, Activity
from fhir_server.policy.scopes import Scopes


@dataclass(frozen=True, slots=True)
class AccessContext:
    """One authenticated caller; built from a token, never from the request."""

    client_id: str
    token_id: str
    """Random name of the token in audit and page cursors; not the token."""
    scopes: Scopes
    patient: str = ""
    """Logical id of the Patient that patient/ scopes are bound to, and user/ scopes where there is one."""
    fhir_user: str = ""
    """Reference of the person who acts: Practitioner/…, Patient/…, RelatedPerson/… user/ scopes need one."""
    patients: tuple[str, ...] = ()
    """Logical ids of the Patients whose records the person holds or represents, beside the person's own."""
    purpose: str = "TREAT"
    """Code of http://terminology.hl7.org/CodeSystem/v3-ActReason."""
    named_scopes: tuple[str, ...] = ()
    """Scopes that say nothing of resources: openid, launch/patient, offline_access, __introspect …"""
    account_id: str = ""
    """The account of the person; what people see of her is not in it."""
    grant_id: str = ""
    """The grant behind the token; "" for a system."""
    encounter: str = ""
    """Logical id of the Encounter in which the app was opened."""
    activity: Activity = NO_ACTIVITY
    """As what and where a professional acts."""
    address: str = field(default="", compare=False)
    """Network address of the caller, for the audit trail only."""
    request_id: str = field(default="", compare=False)
