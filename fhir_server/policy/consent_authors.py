"""Who may state which decision about a record. CSP L1111-16, L1111-17, R1111-46"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

from fhir_server.errors import Forbidden, Unprocessable
from fhir_server.policy.actor import HOLDER, NORMAL, PROFESSIONAL, REPRESENTATIVE, SYSTEM, Actor
from fhir_server.policy.consent_templates import ENDING, OWN, TREATING, Decision, templates
from fhir_server.policy.record_policy import LEGAL, OPEN, RecordPolicy, holds


def check_author(
    decision: Decision, before: Decision | None, actor: Actor, policy: RecordPolicy, now: int
) -> None:
    """Raises Forbidden where an actor may not state a decision, Unprocessable where it cannot be stated."""
    if before is not None and _object(before) != _object(decision):
        raise Unprocessable("what a decision is about does not change: state another one", "Consent.policy")
    if decision.template == "record":
        _check_state(decision, before, actor, policy)
    if actor.kind == SYSTEM:
        return
    if not _may(decision, actor, policy, now):
        raise Forbidden(f"a decision of this kind ({decision.template}) is not yours to state")


def _object(decision: Decision) -> tuple[object, ...]:
    # A state that took the place of another would hide that there was one, and the deadlines run from it.
    return decision.template, decision.actors, decision.references, decision.state


def _may(decision: Decision, actor: Actor, policy: RecordPolicy, now: int) -> bool:
    template = templates()[decision.template]
    if actor.kind == HOLDER:
        return template.by_holder
    if actor.kind == REPRESENTATIVE:
        standing = policy.representatives.get(actor.reference)
        return template.by_holder and standing is not None and standing.kind == LEGAL
    if actor.kind != PROFESSIONAL or actor.mode != NORMAL or policy.state != OPEN:
        return False
    return _professional_may(decision, actor, policy, now)


def _professional_may(decision: Decision, actor: Actor, policy: RecordPolicy, now: int) -> bool:
    template = templates()[decision.template]
    oneself = {actor.reference, actor.organization}
    if oneself & policy.blocked:
        return False
    is_treating = holds(policy.treating, actor.reference, now)
    if template.by_professional == TREATING:
        return is_treating and not oneself & set(decision.actors)
    is_own = set(decision.actors) <= oneself
    if template.by_professional == ENDING:
        return is_own and not decision.is_active
    if not is_own or template.by_professional != OWN:
        return False
    if decision.is_active:
        _check_agreement(decision, policy, now)
    return True


def _check_agreement(decision: Decision, policy: RecordPolicy, now: int) -> None:
    """Who lets herself in says who agreed to it and when: the holder or a legal representative. R1111-46"""
    acting = {
        one
        for one, standing in policy.representatives.items()
        if standing.kind == LEGAL and standing.since <= now < standing.until
    }
    if not ({f"Patient/{policy.patient}"} | acting) & set(decision.agreed_by):
        text = "the agreement of the holder is named by performer, and its moment by dateTime"
        raise Unprocessable(text, "Consent.performer")


def _check_state(decision: Decision, before: Decision | None, actor: Actor, policy: RecordPolicy) -> None:
    if not decision.is_active:
        if before is None and actor.kind == SYSTEM:
            return  # a state of the past, loaded with the others
        raise Unprocessable("the state of a record is changed by stating another one", "Consent.status")
    is_of_holder = changes().get((policy.state, decision.state))
    if decision.state != policy.state and is_of_holder is None:
        text = f"a record that is {policy.state} does not become {decision.state}"
        raise Unprocessable(text, "Consent.provision.code")
    if actor.kind == SYSTEM:
        return
    if actor.kind not in (HOLDER, REPRESENTATIVE) or is_of_holder is False:
        raise Forbidden(f"to make the record {decision.state} is the operator's")


@cache
def changes() -> dict[tuple[str, str], bool]:
    """Returns (from, to) → whether the holder may change the state of the record so."""
    text = resources.files(__package__).joinpath("record_states.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {(row["from"], row["to"]): row["holder"] == "yes" for row in rows}
