"""What the claims of an upstream provider say about a person: pure readings of untrusted dicts.

Pro Santé Connect: https://industriels.esante.gouv.fr/produits-et-services/pro-sante-connect/documentation-technique
FranceConnect: https://docs.partenaires.franceconnect.gouv.fr/fs/fs-technique/fs-technique-scope-fc/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Activity = dict[str, str]
_MOST_ACTIVITIES = 30


def rpps(claims: Mapping[str, Any]) -> str:
    """Returns the RPPS number of a professional; SubjectNameID is the kind of number (8: RPPS), then it."""
    name = claims.get("SubjectNameID", "")
    if not isinstance(name, str) or not name.isascii() or not name.isdigit():
        return ""
    if len(name) == 12 and name.startswith("8"):
        return name[1:]
    return name if len(name) == 11 else ""


def activities(claims: Mapping[str, Any], professions: Mapping[str, str]) -> list[Activity]:
    """Returns as what and where a professional works, by her exercises; else by her role alone."""
    found = list(_exercised(claims, professions))[:_MOST_ACTIVITIES]
    if found:
        return found
    roles = claims.get("SubjectRole", [])
    texts = [roles] if isinstance(roles, str) else roles if isinstance(roles, list) else []
    codes = [role.partition("^")[0] for role in texts if isinstance(role, str)]
    return [_activity(code, professions, "", _text(claims, "SubjectOrganization")) for code in codes[:1]]


def _exercised(claims: Mapping[str, Any], professions: Mapping[str, str]) -> Iterator[Activity]:
    for exercise in _dicts(_dict(claims.get("SubjectRefPro")), "exercices"):
        code = _text(exercise, "codeProfession")
        for place in _dicts(exercise, "activities"):
            identifier = _text(place, "identifiantTechniqueDeLaStructure") or _text(place, "numeroFinessSite")
            name = _text(place, "raisonSocialeSite") or _text(place, "enseigneCommercialeSite")
            yield _activity(code, professions, identifier, name)


def _activity(code: str, professions: Mapping[str, str], organization: str, name: str) -> Activity:
    return {
        "role": code,
        "role_display": professions.get(code, code),
        "organization": organization,
        "organization_display": name or organization,
    }


def full_name(claims: Mapping[str, Any]) -> str:
    """Returns the name to show."""
    names = (_text(claims, "given_name"), _text(claims, "usual_name") or _text(claims, "family_name"))
    return " ".join(name for name in names if name) or _text(claims, "name")


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(parent: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = parent.get(name, [])
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(parent: Mapping[str, Any], name: str) -> str:
    value = parent.get(name, "")
    return value[:200] if isinstance(value, str) else ""
