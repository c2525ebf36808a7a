"""As what and where a professional acts. https://profiles.ihe.net/ITI/BALP (agent.role, agent[userorg])"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from fhir_server.fhir import Resource
from fhir_server.fhir.reference import parse_reference

_PROFESSIONS = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
_ROLE_CLASS = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"


@dataclass(frozen=True, slots=True)
class Activity:
    """The activity that a professional chose at login; all empty for everybody else."""

    role: str = ""
    """Code of TRE_G15-ProfessionSante."""
    role_display: str = ""
    organization: str = ""
    """Organization/id, or the identifier of the structure as Pro Santé Connect gives it."""
    organization_display: str = ""

    def facts(self) -> dict[str, str]:
        """Returns what is known of it, as it is stored."""
        return {name: value for name, value in asdict(self).items() if value}


NO_ACTIVITY = Activity()
_NAMES = tuple(field.name for field in fields(Activity))


def read_activity(stored: Mapping[str, str]) -> Activity:
    """Returns the activity that a session, a family or a token keeps."""
    if not stored:
        return NO_ACTIVITY
    # Providers send spaces where a FHIR code has none.
    return Activity(**{name: " ".join(str(stored.get(name, "")).split()) for name in _NAMES})


def role_of(activity: Activity) -> Resource:
    """Returns the part of the agent of the person that says as what she acts."""
    if not activity.role:
        return {}
    coding = {"system": _PROFESSIONS, "code": activity.role}
    if activity.role_display:
        coding["display"] = activity.role_display
    return {"role": [{"coding": [coding]}]}


def place_of(activity: Activity) -> list[Resource]:
    """Returns the agent that says where she acts, if that is known."""
    if not activity.organization:
        return []
    reference = parse_reference(activity.organization)
    is_local = reference is not None and reference.kind == "local" and reference.type == "Organization"
    who: Resource = (
        {"reference": activity.organization} if is_local else {"identifier": {"value": activity.organization}}
    )
    if activity.organization_display:
        who["display"] = activity.organization_display
    coding = {"system": _ROLE_CLASS, "code": "PROV", "display": "healthcare provider"}
    return [{"type": {"coding": [coding]}, "who": who, "requestor": False}]
