"""The writes of one request as the policy sees them: what marks them, what they bring.

docs/decisions/0025-the-patient-decides.md
"""

from __future__ import annotations

from fhir_server.errors import Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhir.instant import now_ms
from fhir_server.fhir.json import parse_json
from fhir_server.fhir.labels import INVISIBLE_PATIENT, MASQUE_PS, labels_of
from fhir_server.policy.actor import HOLDER, PROFESSIONAL, REPRESENTATIVE, SYSTEM, Actor, acting
from fhir_server.policy.acts import acts_of, check_acts, check_deposit, check_labels, whose
from fhir_server.policy.authors import authors_of
from fhir_server.policy.compartment import record_types
from fhir_server.policy.compile_policy import compile_policy
from fhir_server.policy.consent_authors import check_author
from fhir_server.policy.consent_templates import Decision, read_template
from fhir_server.policy.context import AccessContext
from fhir_server.policy.document_kind import kind_of
from fhir_server.policy.record_access import RecordAccess
from fhir_server.policy.record_policy import holds, write_policy
from fhir_server.policy.record_rules import SEVERAL_KINDS, check_writable
from fhir_server.policy.settle import Written, is_settled_alone, settle
from fhir_server.search.primary_date import DAY_MS
from fhir_server.storage.stored import Document, decompress
from fhir_server.storage.transactions import WriteSession

_SECRET = frozenset({"hide-document", "mask-everything"})
"""Decisions that professionals are not told of: that something is hidden is hidden."""

INVISIBLE_DAYS = 30
"""How long INVISIBLE_PATIENT hides: a month after the deposit, R1111-53."""


class RecordWrites:
    """What one transaction writes; each write is marked before it is stored, all are settled at its end."""

    def __init__(
        self, context: AccessContext, records: RecordAccess, base_url: str, authorisation_ms: int
    ) -> None:
        """`authorisation_ms`: how long an authorisation holds that does not say until when."""
        self._context = context
        self._records = records
        self._base_url = base_url
        self._authorisation_ms = authorisation_ms
        self._written: list[Written] = []
        self._decided: dict[str, None] = {}
        """Patients about whose records something was decided."""

    def is_alone(self, resource: Resource) -> bool:
        """Tells whether a new resource can be stored by itself, outside a transaction."""
        if resource["resourceType"] == "Consent" and read_template(resource, self._base_url) is not None:
            return False
        return is_settled_alone(resource, labels_of(resource), self._base_url)

    def mark(self, resource: Resource, document: Document, before: Document | None) -> None:
        """Adds to a document the fields by which the policy knows it."""
        resource_type = str(resource["resourceType"])
        if resource_type not in record_types():
            return
        actor = acting(self._context, document.get("p", ""))
        self._check_rights(resource, document, before, actor)
        self._label(resource, document, before or {})
        authors = (before or {}).get("au") or self._authors(resource, document, actor)
        if authors:
            document["au"] = authors
        if resource_type in SEVERAL_KINDS:
            document["dk"] = kind_of(resource)
        if resource_type == "Consent":
            self._decide(resource, document, before, actor)
        elif resource_type == "Patient" and before is not None:
            self._keep_state(document, before)
        self._written.append(Written(resource_type, resource, document, before, actor))

    def _check_rights(
        self, resource: Resource, document: Document, before: Document | None, actor: Actor
    ) -> None:
        if actor.kind == SYSTEM:
            return
        patient = document.get("p", "")
        if before is None or before.get("d"):
            is_adult = bool(labels_of(resource)) and self._is_adult(patient, document["lu"])
            check_deposit(resource, actor, is_adult=is_adult)
        elif resource["resourceType"] != "Consent" or self._decision_in(before) is None:
            acts = acts_of(self._read(before), resource)
            self._check_acts(acts, before, actor)
            if "mask" in acts or "hide-from-patient" in acts:
                check_labels(labels_of(resource))

    def _check_acts(self, acts: frozenset[str], before: Document, actor: Actor) -> None:
        patient = before.get("p", "")
        is_treating = actor.kind == PROFESSIONAL and holds(
            self._records.policy_of(patient).treating, actor.reference, now_ms()
        )
        check_acts(acts, actor, is_treating=is_treating, whose=whose(actor, before.get("au", []), patient))

    def _is_adult(self, patient: str, now: int) -> bool:
        majority = self._records.policy_of(patient).majority
        return 0 < majority <= now

    def _read(self, document: Document) -> Resource:
        resource: Resource = parse_json(decompress(document["z"]))
        return resource

    def _label(self, resource: Resource, document: Document, before: Document) -> None:
        document["vis"] = labels_of(resource)
        if document["vis"] & INVISIBLE_PATIENT:
            document["iv"] = before.get("iv") or document["lu"] + INVISIBLE_DAYS * DAY_MS

    def _authors(self, resource: Resource, document: Document, actor: Actor) -> list[str]:
        patient = document.get("p") or self._context.patient
        return authors_of(resource, actor, patient, self._base_url)

    def _keep_state(self, document: Document, before: Document) -> None:
        """What a Patient says of age counts in the policy, if there is one."""
        document.update({name: before[name] for name in ("st", "ep") if name in before})
        if "st" in before:
            self._decided[document["_id"]] = None

    def mark_deleted(self, resource_type: str, current: Document) -> None:
        """Refuses to delete a decision: it is withdrawn, so that what it ended stays ended."""
        if resource_type == "Consent" and self._decision_in(current) is not None:
            raise Unprocessable("a decision is withdrawn by its status, inactive; it stays in the history")
        actor = acting(self._context, current.get("p", ""))
        if actor.kind != SYSTEM and resource_type in record_types():
            self._check_acts(frozenset({"delete"}), current, actor)

    def _decide(self, resource: Resource, document: Document, before: Document | None, actor: Actor) -> None:
        decision = read_template(resource, self._base_url)
        earlier = self._decision_in(before) if before is not None else None
        patient = document.get("p")
        is_of_holder = patient is not None and actor.kind in (HOLDER, REPRESENTATIVE)
        if is_of_holder and (decision is None or not decision.state):
            check_writable(self._records.policy_of(str(patient)), actor)
        if decision is None and earlier is None:
            return
        if decision is None or patient is None or (before is not None and before.get("p") != patient):
            raise Unprocessable("a decision stays one about the record of one patient", "Consent.patient")
        policy = self._records.policy_of(patient)
        check_author(decision, earlier, actor, policy, document["lu"])
        if decision.template in _SECRET:
            document["vis"] |= MASQUE_PS
        is_restated = earlier is None or earlier.is_active != decision.is_active
        document["ds"] = document["lu"] if earlier is None or is_restated else earlier.stated
        self._decided[patient] = None

    def _decision_in(self, document: Document) -> Decision | None:
        if "z" not in document:
            return None
        return read_template(self._read(document), self._base_url, document.get("ds", 0))

    def settle(self, writes: WriteSession) -> None:
        """Does what the writes bring with them; the last step of a transaction."""
        if not self._written:
            return
        writes.flush()
        settle(writes.records, self._written, self._base_url)
        for patient in self._decided:
            self._compile(writes, patient)

    def _compile(self, writes: WriteSession, patient: str) -> None:
        writes.lock(f"policy/{patient}")
        consents = map(self._decision_in, writes.records.of_record("Consent", patient))
        persons = writes.records.of_record("Patient", patient)
        person = self._read(persons[0]) if persons else None
        decisions = [one for one in consents if one is not None]
        policy = compile_policy(patient, person, decisions, self._authorisation_ms)
        writes.put_policy(write_policy(policy))
        writes.records.set_state(patient, policy.state, sorted(policy.emergency))
        self._records.forget(patient)
