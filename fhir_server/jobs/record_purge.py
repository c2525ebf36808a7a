"""Deletes records that the law wants deleted, physically and with proof; the next run finishes one that died.

CSP R1111-36 (asked by the holder: within three months), L1111-18 (ten years after closing or decease)
docs/security/life-of-a-record.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from fhir_server.audit.record import AuditRecorder
from fhir_server.audit.security_event import SecurityEvent
from fhir_server.definitions.registry import Definitions
from fhir_server.errors import Conflict
from fhir_server.policy.record_policy import CLOSED, DECEASED, DELETING
from fhir_server.search.entries import escape
from fhir_server.search.primary_date import DAY_MS
from fhir_server.storage.deadlines import Deadlines
from fhir_server.storage.purges import Purges
from fhir_server.storage.stored import Document

_ROUNDS = 3
"""A write that was under way when the purge began is deleted by the next round."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a record is kept."""

    deletion_days: int
    archive_years: int

    def limits(self, now: int) -> dict[str, int]:
        """Returns state → since when, or longer, a record must have it to be due (ms)."""
        archived = years_before(now, self.archive_years)
        return {DELETING: now - self.deletion_days * DAY_MS, CLOSED: archived, DECEASED: archived}


@dataclass(frozen=True, slots=True)
class RecordPurge:
    """The deletion of records of one database."""

    purges: Purges
    deadlines: Deadlines
    recorder: AuditRecorder
    definitions: Definitions
    retention: Retention
    client_id: str
    """In whose name the trail tells it."""

    def due(self, now: int) -> Iterator[Document]:
        """Yields what a run would delete, with the counts; nothing is changed."""
        for purge in self.purges.unfinished():
            yield {**purge, "before": self.purges.count(purge["patient"])}
        for state, before in self.retention.limits(now).items():
            for patient in self.deadlines.records_in(state, before):
                if not any(one["patient"] == patient for one in self.purges.unfinished()):
                    yield {"patient": patient, "state": state, "before": self.purges.count(patient)}

    def undated(self) -> int:
        """Counts the records that would be due one day and of which nobody knows since when."""
        return sum(self.deadlines.undated_in(state) for state in (DELETING, CLOSED, DECEASED))

    def run(self, now: int, erased: Callable[[str], None] = lambda name: None) -> Iterator[Document]:
        """Finishes what was interrupted, then deletes what is due; yields the proof of each record."""
        for purge in self.purges.unfinished():
            yield self._finish(purge, now, erased)
        for state, before in self.retention.limits(now).items():
            for patient in self.deadlines.records_in(state, before):
                claimed = self.purges.claim(patient, state, before, now)
                if claimed is not None:
                    yield self._finish(claimed, now, erased)

    def _finish(self, purge: Document, now: int, erased: Callable[[str], None]) -> Document:
        patient = purge["patient"]
        if self.purges.is_taken_back(purge):
            return self.purges.note(purge, abandoned=now)
        if "before" not in purge:
            purge = self.purges.note(purge, before=self.purges.count(patient))
        for _ in range(_ROUNDS):
            self.purges.erase(patient, erased)
            left = self.purges.count(patient)
            if not left:
                break
        else:
            raise Conflict(f"the record of Patient/{patient} is being written to: {', '.join(left)}")
        after = dict.fromkeys(purge["before"], 0)
        purge = self.purges.note(purge, after=after, named=self.purges.named(self._tokens(patient)))
        # In the trail before it is finished: a crash between the two tells it twice, never not at all.
        event = SecurityEvent("record-purged", self.client_id, patient=patient, request_id=purge["_id"])
        self.recorder.record_security(event)
        return self.purges.note(purge, finished=now)

    def _tokens(self, patient: str) -> dict[str, list[str]]:
        """Returns the index entries by which resources of each type name a patient."""
        found = {}
        for resource_type in self.definitions.resource_types:
            parameters = self.definitions.search_parameters(resource_type).values()
            codes = [one.code for one in parameters if one.type == "reference"]
            found[resource_type] = [f"{code}={escape(patient)}|Patient" for code in codes]
        return found


def years_before(now: int, years: int) -> int:
    """Returns the moment (ms) so many calendar years ago; a 29th of February becomes the 28th."""
    moment = datetime.fromtimestamp(now / 1000, UTC)
    day = 28 if (moment.month, moment.day) == (2, 29) else moment.day
    return int(moment.replace(year=moment.year - years, day=day).timestamp() * 1000)
