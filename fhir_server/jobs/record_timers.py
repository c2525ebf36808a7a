"""What time alone does to records: opens those announced, tells what is visible again and who is of age.

CSP L1111-13-1 (six weeks to oppose), R1111-53 (visible after a month); docs/security/life-of-a-record.md
Safe twice: a record is opened once, and what is told has an id that says what it tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fhir_server.audit.notifications import Treating, tell_deadline
from fhir_server.errors import FhirError, Unavailable
from fhir_server.fhir.json import parse_json
from fhir_server.fhir.labels import INVISIBLE_PATIENT, labels_of
from fhir_server.fhir.logical_id import new_id
from fhir_server.policy.guard import GuardedStore
from fhir_server.policy.record_policy import ANNOUNCED, OPEN
from fhir_server.policy.record_state import build_state
from fhir_server.search.primary_date import DAY_MS
from fhir_server.storage.deadlines import Deadlines
from fhir_server.storage.outbox import Outbox
from fhir_server.storage.stored import decompress

FIRST_DAYS = 31
"""How far the first run looks back: nobody is told of what came to its end before there was a clock."""

OVERLAP_MS = DAY_MS
"""Looked at again: a transaction may end after a run that did not see it."""

Stores = Callable[[], GuardedStore]
"""Makes the operator's store for one piece of work."""


@dataclass(slots=True)
class Told:
    """What one run did."""

    opened: int = 0
    shown: int = 0
    of_age: int = 0
    undated: int = 0
    """Announced records of which nobody knows since when: they wait to be announced again."""
    failed: dict[str, str] = field(default_factory=dict)
    """Patient → why the record was not opened; the others were."""


@dataclass(frozen=True, slots=True)
class RecordTimers:
    """The clock of all records."""

    deadlines: Deadlines
    outbox: Outbox
    stores: Stores
    treating: Treating
    opposition_ms: int

    def run(self, now: int, resource_types: Iterable[str]) -> Told:
        """Does what is due at a moment (ms)."""
        told = Told(undated=self.deadlines.undated_in(ANNOUNCED))
        self._open(now, told)
        reached = self.deadlines.reached()
        since = (reached or now - FIRST_DAYS * DAY_MS) - OVERLAP_MS
        for resource_type in resource_types:
            told.shown += self._tell_shown(resource_type, since, now)
        for patient in self.deadlines.of_age(since, now):
            told.of_age += self._tell("majority", patient, f"Patient/{patient}", now)
        self.deadlines.reach(now)
        return told

    def _open(self, now: int, told: Told) -> None:
        before = now - self.opposition_ms
        for patient in self.deadlines.records_in(ANNOUNCED, before):
            try:
                told.opened += self._open_one(patient, before, now)
            except Unavailable:
                raise  # nothing would go better with the next one
            except FhirError as error:
                told.failed[patient] = error.diagnostics

    def _open_one(self, patient: str, before: int, now: int) -> bool:
        consent_id = new_id()

        def work(store: GuardedStore) -> bool:
            # The holder may have opposed since we looked: the transaction sees it, or is aborted by it.
            policy = store.standing(patient).policy
            if policy.state != ANNOUNCED or policy.since > before:
                return False
            store.create(build_state(patient, OPEN, now), consent_id)
            return True

        return self.stores().transact({"Consent"}, work)

    def _tell_shown(self, resource_type: str, since: int, now: int) -> int:
        queued = 0
        for row in self.deadlines.shown(resource_type, since, now):
            # What carries the label of something else has no month of its own.
            if labels_of(parse_json(decompress(row["z"]))) & INVISIBLE_PATIENT:
                about = f"{resource_type}/{row['_id']}"
                queued += self._tell("visible", row["p"], about, now, str(row["iv"]))
        return queued

    def _tell(self, event: str, patient: str, about: str, now: int, occasion: str = "") -> bool:
        rows = tell_deadline(event, patient, about, occasion, self.treating(patient, now))
        return self.outbox.add([row | {"created": now, "delivered": False} for row in rows]) > 0
