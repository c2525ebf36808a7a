"""The rules of a record said a second time, slowly and from the words of the law: may this one see that?

Code de la santé publique L1111-13-1 to L1111-21, R1111-40 to R1111-54. Nothing of
fhir_server.policy is used but its records of facts.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.policy.record_policy import RecordPolicy

MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX = 1, 2, 4


@dataclass(frozen=True)
class Who:
    """A person before a record."""

    kind: str
    """holder, representative, professional or structure."""
    reference: str = ""
    organization: str = ""
    profession: str = ""
    mode: str = "normal"


@dataclass(frozen=True)
class Thing:
    """A resource of the record."""

    resource_type: str
    id: str
    labels: int
    hidden_until: int
    authors: tuple[str, ...]
    kind: str
    agents: tuple[str, ...] = ()


def may_read(who: Who, policy: RecordPolicy, thing: Thing, now: int, readable: dict[str, set[str]]) -> bool:
    """Tells whether someone may read something of the record; the rules in the order of the law."""
    if who.kind == "holder":
        return not (thing.labels & INVISIBLE_PATIENT and thing.hidden_until > now)
    if who.kind == "structure":
        return who.organization in thing.authors
    if policy.state != "open":  # nobody but the holder reads a record that is closed, or none
        return False
    if who.kind == "representative":
        return _acts_for_holder(who, policy, now) and not (
            thing.labels & INVISIBLE_REPRESENTANTS_LEGAUX
            or (thing.labels & INVISIBLE_PATIENT and thing.hidden_until > now)
        )
    return _professional_may_read(who, policy, thing, now, readable)


def _acts_for_holder(who: Who, policy: RecordPolicy, now: int) -> bool:
    standing = policy.representatives.get(who.reference)
    if standing is None or now < standing.since or now >= standing.until:
        return False
    came_of_age_since = policy.majority > standing.since and policy.majority <= now
    return standing.kind != "legal" or not came_of_age_since


def _professional_may_read(
    who: Who, policy: RecordPolicy, thing: Thing, now: int, readable: dict[str, set[str]]
) -> bool:
    kinds = readable.get(who.profession, set())
    if not kinds:
        return False
    if who.reference in policy.blocked or who.organization in policy.blocked:
        return False
    is_treating = who.mode == "normal" and _holds(policy.treating, who.reference, now)
    if not (is_treating or _is_let_in(who, policy, now)):
        return False
    if thing.resource_type == "AuditEvent":
        return is_treating or who.reference in thing.agents
    reference = f"{thing.resource_type}/{thing.id}"
    for actor in (who.reference, who.organization):
        if reference in policy.hidden.get(actor, ()):
            return False
    if who.reference in thing.authors:
        return True
    if thing.labels & MASQUE_PS or policy.masks_everything:
        sees_masked = is_treating if who.mode == "normal" else "MASKED" in policy.emergency
        if not sees_masked:
            return False
    return thing.kind in kinds


def _is_let_in(who: Who, policy: RecordPolicy, now: int) -> bool:
    if who.mode == "bris_de_glace":
        return "BTG" in policy.emergency
    if who.mode == "centre_15":
        return "ETREAT" in policy.emergency
    for given in (policy.permits, policy.care_team):
        if _holds(given, who.reference, now) or _holds(given, who.organization, now):
            return True
    return False


def _holds(given: object, actor: str, now: int) -> bool:
    assert isinstance(given, dict)
    if actor not in given:
        return False
    since, until = given[actor]
    return bool(since <= now and now < until)
