"""Writes the audit trail before the answer leaves: no audit, no answer.

Requests that wait at the same time share one insert (group commit): the first writes for all who
came meanwhile, then hands over. https://hl7.org/fhir/R4/security.html#audit
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence

from fhir_server.audit.event import Access, Caller, build_event, merge_accesses
from fhir_server.audit.index import index_event
from fhir_server.audit.security_event import SecurityEvent, build_security_event
from fhir_server.fhir.instant import format_instant, now_ms
from fhir_server.search.index import extract_index
from fhir_server.storage.audit import AuditTrail, Recorded

_OBSERVER = "DMP FHIR server"


class _Waiting:
    """One request's events in the queue."""

    __slots__ = ("error", "events", "leads", "turn")

    def __init__(self, events: list[Recorded]) -> None:
        self.events = events
        self.turn = threading.Event()
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
        recorded = now_ms()
        instant = format_instant(recorded)
        events = []
        for access in merge_accesses(accesses):
            event = build_event(access, caller, str(uuid.uuid4()), instant, _OBSERVER)
            events.append(Recorded(event, recorded, index_event(event, access, caller, recorded)))
        if events:
            self._commit(_Waiting(events))

    def record_security(self, event: SecurityEvent) -> None:
        """Returns when the AuditEvent of a login, token, grant or client is journaled, or raises."""
        recorded = now_ms()
        resource = build_security_event(event, str(uuid.uuid4()), format_instant(recorded), _OBSERVER)
        self._commit(_Waiting([Recorded(resource, recorded, extract_index(resource, recorded))]))

    def _commit(self, mine: _Waiting) -> None:
        with self._lock:
            self._queue.append(mine)
            mine.leads = not self._busy
            self._busy = True
        if not mine.leads:
            mine.turn.wait()
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
                self._queue[0].turn.set()
            else:
                self._busy = False
        for waiting in group:
            if waiting is not mine:
                waiting.turn.set()
