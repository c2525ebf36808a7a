"""As what a caller meets a record: the operator's back end, a structure, the holder, who acts for the holder,
or a professional, in the normal way or in an emergency.

docs/security/patient-decides.md; modes: TRE_R248-ModeAcces
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.fhir.primitives import is_id
from fhir_server.policy.context import AccessContext

SYSTEM, STRUCTURE, HOLDER, REPRESENTATIVE, PROFESSIONAL = (
    "system",
    "structure",
    "holder",
    "representative",
    "professional",
)
NORMAL, BRIS_DE_GLACE, CENTRE_15 = "normal", "bris_de_glace", "centre_15"
PROFESSIONALS = frozenset({"Practitioner"})
"""A PractitionerRole is no person: what is decided of someone would not be of her in another role."""
HOLDERS = frozenset({"Patient", "RelatedPerson"})

_MODES = {"BTG": BRIS_DE_GLACE, "ETREAT": CENTRE_15}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who meets one record."""

    kind: str
    reference: str = ""
    """Practitioner/x, Patient/y …; "" for an app of the holder and for a back end."""
    organization: str = ""
    """Organization/z, or the identifier of a structure."""
    profession: str = ""
    """Code of TRE_G15-ProfessionSante."""
    mode: str = NORMAL


def actor_in(context: AccessContext, level: str, patient: str) -> Actor:
    """Returns as what a caller meets the record of a patient by a scope of a level."""
    organization = context.activity.organization
    if level == "system":
        return Actor(STRUCTURE if organization else SYSTEM, organization=organization)
    kind, person = read_person(context.fhir_user, context.scopes.base_url)
    reference = f"{kind}/{person}" if kind else ""
    if kind in PROFESSIONALS:
        mode = _MODES.get(context.purpose, NORMAL)
        return Actor(PROFESSIONAL, reference, organization, context.activity.role, mode)
    if not context.fhir_user or reference == f"Patient/{patient}":
        return Actor(HOLDER, reference)
    return Actor(REPRESENTATIVE, reference)


def acting(context: AccessContext, patient: str) -> Actor:
    """Returns as what a caller writes into the record of a patient."""
    return actor_in(context, "user" if context.fhir_user or context.patient else "system", patient)


def is_unbound(context: AccessContext) -> bool:
    """Tells whether a professional is bound to no patient yet: each request then names one."""
    return not context.patient and read_person(context.fhir_user, context.scopes.base_url)[0] in PROFESSIONALS


def is_structure(context: AccessContext) -> bool:
    """Tells whether a structure deposits, by a system of its own."""
    return not context.fhir_user and bool(context.activity.organization)


def read_person(fhir_user: str, base_url: str) -> tuple[str, str]:
    """Returns type and id of a person; empty for anything else, such as a Patient of another server."""
    relative = fhir_user.removeprefix(f"{base_url}/") if base_url else fhir_user
    kind, _, person = relative.partition("/")
    return (kind, person) if kind in PROFESSIONALS | HOLDERS and is_id(person) else ("", "")
