"""The records that a request meets: whose a resource is, and what the holder decided.

docs/security/patient-decides.md. A professional opens one record at a time: the token, the search, the path
or the resource itself names the patient, and the policy of that record decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.fhir.instant import now_ms
from fhir_server.fhir.reference import parse_reference
from fhir_server.policy.actor import (
    CENTRE_15,
    REPRESENTATIVE,
    Actor,
    acting,
    actor_in,
    is_structure,
    is_unbound,
)
from fhir_server.policy.compartment import record_types
from fhir_server.policy.context import AccessContext
from fhir_server.policy.decide import require_scope
from fhir_server.policy.record_policy import RecordPolicy, Span, read_policy
from fhir_server.policy.record_rules import Moment, Readable, Refused, reading, standing_of_representative
from fhir_server.policy.situation import Situation
from fhir_server.search.query import Chain, Clause, Compartment, Query
from fhir_server.storage.record_policies import RecordPolicies
from fhir_server.storage.resources import Resources

SearchIn = Callable[[Situation], Any]
"""Situation → the searches in it, of which `ids` finds patients."""

MOST_IDENTIFIERS = 8

NOBODY = "-"
"""The patient of what is not there: looked up like any other, so that both take the same way."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands before a record."""

    is_let_in: bool
    rule: str
    """Code of audit/rules.csv."""
    policy: RecordPolicy
    spans: tuple[Span, ...]
    """The periods in which something lets the caller in, past ones too."""
    now: int
    is_represented: bool = False
    """Whether the caller is a legal representative, who decides also of a record that is not open."""


class RecordAccess:
    """The records that one request meets."""

    def __init__(
        self,
        context: AccessContext,
        resources: Resources,
        policies: RecordPolicies,
        readable: Readable,
        session: Callable[[], Any],
    ) -> None:
        self._context = context
        self._resources = resources
        self._policies = policies
        self._session = session
        self._known: dict[str, RecordPolicy] = {}
        self.decided: dict[str, str] = {}
        """Patient → the rule that decided last."""
        self._moment = Moment(now_ms(), readable)
        self.patient = context.patient
        """The patient whose record was met last, for the audit trail."""

    def policy_of(self, patient: str) -> RecordPolicy:
        """Returns what the holder of a record decided; looked up once for a request."""
        known = self._known.get(patient)
        if known is None:
            stored = self._policies.find(patient, self._session())
            known = self._known[patient] = read_policy(patient, stored)
        return known

    def policy_at(self, patient: str, epoch: int) -> RecordPolicy | None:
        """Returns what the holder had decided at an epoch; None where that is not known."""
        stored = self._policies.at_epoch(patient, epoch)
        return read_policy(patient, stored) if stored is not None else None

    def forget(self, patient: str) -> None:
        """Looks the policy up again: this request has changed it."""
        self._known.pop(patient, None)

    def situation(self, patient: str = "") -> Situation:
        """Returns the caller's situation, bound to a patient where one is named and the token names none."""
        context = self._context
        if patient and (is_unbound(context) or is_structure(context)):
            self.patient = patient if patient != NOBODY else ""
            context = replace(context, patient=patient)
        return Situation(context, self.policy_of, self._moment, self.decided)

    def standing(self, patient: str) -> Standing:
        """Returns how the caller stands before a record: the rule that would decide what is read of it."""
        policy, now = self.policy_of(patient), self._moment.now
        actor = acting(self.situation(patient).context, patient)
        given = (policy.treating, policy.permits, policy.care_team)
        names = [name for name in (actor.reference, actor.organization) if name]
        spans = tuple(row[name] for row in given for name in names if name in row)
        try:
            rule = reading(actor, policy, "DocumentReference", self._moment).rule
        except Refused as error:
            return Standing(False, error.rule, policy, spans, now, self._is_represented(actor, policy))
        return Standing(True, rule, policy, spans, now, self._is_represented(actor, policy))

    def _is_represented(self, actor: Actor, policy: RecordPolicy) -> bool:
        if actor.kind != REPRESENTATIVE or self._context.patient != policy.patient:
            return False
        try:
            return standing_of_representative(actor, policy, self._moment.now) == "representative"
        except Refused:
            return False

    def epoch_of(self, patient: str) -> int:
        """Returns the version of the policy that this request looked at, 0 where it looked at none."""
        known = self._known.get(patient)
        return known.epoch if known is not None else 0

    def of_instance(self, resource_type: str, resource_id: str, letter: str) -> Situation:
        """Returns the situation before one resource: whoever is not bound yet is bound to its patient."""
        if not is_unbound(self._context) or resource_type not in record_types():
            return self.situation()
        require_scope(self._context, resource_type, letter)
        if resource_type == "Patient":
            return self.situation(resource_id)
        owner = self._resources.owner(resource_type, resource_id, self._session())
        if owner == "" and resource_type == "Binary":
            return self.situation()
        return self.situation(owner or NOBODY)

    def of_queries(self, queries: Sequence[Query], search_in: SearchIn) -> Situation:
        """Returns the situation of a search: whoever is not bound yet names one patient in it.

        `search_in` looks for a patient that is named by an identifier, as in patient.identifier=…
        """
        if not is_unbound(self._context):
            return self.situation()
        asked = [query for query in queries if query.resource_type in record_types()]
        named = {self._named(query, search_in) for query in asked}
        return self.situation(named.pop()) if len(named) == 1 else self.situation()

    def _named(self, query: Query, search_in: SearchIn) -> str:
        patient = named_patient(query, self._context.scopes.base_url)
        if query.resource_type == "Patient":
            if not patient:
                self._refuse_browsing(query)
            return patient
        target = None if patient else identified_patient(query)
        if target is None:
            return patient
        require_scope(self._context, query.resource_type, "s")
        self._refuse_browsing(target)
        found = search_in(self.situation()).ids(target, required=True)
        return found[0] if len(found) == 1 else NOBODY

    def _refuse_browsing(self, query: Query) -> None:
        """A record is found by the identifier of its holder; by traits in the regulation of calls."""
        require_scope(self._context, "Patient", "s")
        if actor_in(self._context, "user", "").mode == CENTRE_15 or any(map(_is_identifier, query.clauses)):
            return
        raise Refused("a patient is looked for by identifier, as in identifier=<system>|<value>", "scope")


def named_patient(query: Query, base_url: str) -> str:
    """Returns the one patient that a search is about; "" for none or several."""
    codes = {"_id"} if query.resource_type == "Patient" else {"patient", "subject"}
    for clause in query.clauses:
        if isinstance(clause, Compartment):
            return clause.patient
        if isinstance(clause, Clause) and clause.code in codes and len(clause.texts) == 1:
            patient = _read_patient(clause, base_url)
            if patient:
                return patient
    return ""


def identified_patient(query: Query) -> Query | None:
    """Returns what is asked of the patient in patient.identifier=…; None where nothing is."""
    for clause in query.clauses:
        if isinstance(clause, Chain) and set(clause.stored) & {"patient", "subject"}:
            targets = [one for one in clause.targets if one.resource_type == "Patient"]
            if len(targets) == 1 and any(map(_is_identifier, targets[0].clauses)):
                return targets[0]
    return None


def _read_patient(clause: Clause, base_url: str) -> str:
    if clause.code == "_id":
        return "" if clause.modifier else clause.texts[0]
    if clause.modifier not in ("", "Patient"):
        return ""
    reference = parse_reference(clause.texts[0], base_url)
    if reference is None:
        is_of_patient = clause.code == "patient" or clause.modifier == "Patient"
        return clause.texts[0] if is_of_patient else ""
    is_local = reference.kind == "local" and reference.type == "Patient"
    return reference.id if is_local else ""


def _is_identifier(clause: Any) -> bool:
    """True for identifier=<system>|<value>, of a few systems: all that one person may have."""
    if not isinstance(clause, Clause) or clause.code != "identifier" or clause.modifier:
        return False
    parts = [text.partition("|") for text in clause.texts]
    return len(parts) <= MOST_IDENTIFIERS and all(system and value for system, _, value in parts)
