"""Writes the audit trail before the answer leaves: no audit, no answer.

The events of a write belong into its transaction and are only built here. Requests that read and wait at
the same time share one insert (group commit): the first writes for all who came meanwhile, then hands
over. https://hl7.org/fhir/R4/security.html#audit
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from fhir_server.audit.event import Access, Caller, build_event, merge_accesses
from fhir_server.audit.index import index_event
from fhir_server.audit.security_event import SecurityEvent, build_security_event
from fhir_server.audit.template import fill_event
from fhir_server.fhir.instant import format_instant, now_ms
from fhir_server.fhir.json import encode_json
from fhir_server.fhir.logical_id import new_id
from fhir_server.search.index import IndexEntries, extract_index
from fhir_server.search.primary_date import sort_key
from fhir_server.storage.audit import AuditTrail
from fhir_server.storage.stored import Document, join_document

_OBSERVER = "DMP FHIR server"


class _Waiting:
    """One request's events in the queue."""

    __slots__ = ("error", "events", "leads", "turn")

    def __init__(self, events: list[Document]) -> None:
        self.events = events
        # A bare lock, held until it is this request's turn: an Event costs four times as much.
        self.turn = threading.Lock()
        self.leads = False
        self.error: BaseException | None = None


class AuditRecorder:
    """Records accesses; one per process, shared by threads."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail
        self._lock = threading.Lock()
        self._queue: list[_Waiting] = []
        self._busy = False

    def record(self, accesses: Sequence[Access], caller: Caller) -> None:
        """Returns when the AuditEvents of these accesses are journaled by a majority, or raises."""
        events = self.build(accesses, caller)
        if events:
            self._commit(_Waiting(events))

    def record_security(self, event: SecurityEvent) -> None:
        """Returns when the AuditEvent of a login, token, grant or client is journaled, or raises."""
        recorded, event_id = now_ms(), new_id()
        resource = build_security_event(event, event_id, format_instant(recorded), _OBSERVER)
        index = extract_index(resource, recorded)
        self._commit(_Waiting([join_document(event_id, encode_json(resource), recorded, index)]))

    def build(self, accesses: Sequence[Access], caller: Caller) -> list[Document]:
        """Returns the AuditEvents of these accesses as they are stored; each of them needs to be stored."""
        recorded = now_ms()
        instant = format_instant(recorded)
        return [_build_row(access, caller, recorded, instant) for access in merge_accesses(accesses)]

    def _commit(self, mine: _Waiting) -> None:
        with self._lock:
            self._queue.append(mine)
            mine.leads = not self._busy
            self._busy = True
            if not mine.leads:
                mine.turn.acquire()  # nobody else knows it yet
        if not mine.leads:
            mine.turn.acquire()
        if mine.leads:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error

    def _lead(self, mine: _Waiting) -> None:
        with self._lock:
            group, self._queue = self._queue, []
        try:
            self._trail.append([event for waiting in group for event in waiting.events])
        except BaseException as error:
            for waiting in group:
                waiting.error = error
        with self._lock:
            if self._queue:
                self._queue[0].leads = True
                self._queue[0].turn.release()
            else:
                self._busy = False
        for waiting in group:
            if waiting is not mine:
                waiting.turn.release()


def _build_row(access: Access, caller: Caller, recorded: int, instant: str) -> Document:
    """Returns the AuditEvent of an access as it is stored."""
    event_id = new_id()
    filled = fill_event(access, caller, event_id, instant, _OBSERVER)
    if filled is not None:
        ranges = [{"k": "date", "lo": recorded, "hi": recorded + 1}]
        index = IndexEntries(filled.patients, filled.tokens, ranges, sort_key(recorded, event_id))
        row = join_document(event_id, filled.raw, recorded, index)
    else:
        event = build_event(access, caller, event_id, instant, _OBSERVER)
        index = index_event(event, access, caller, recorded)
        row = join_document(event_id, encode_json(event), recorded, index)
    if access.labels:
        row["vis"], row["iv"] = access.labels, access.hidden_until
    return row
