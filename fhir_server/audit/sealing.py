"""Seals what the trail has gained, in the background of a worker or when the operator says so.

docs/decisions/0028-sealed-audit-trail.md. No request waits for it.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading

from fhir_server.audit.chain import SEALS_HEAD, build_seal
from fhir_server.errors import FhirError
from fhir_server.fhir.instant import now_ms
from fhir_server.storage.seals import Seals

_log = logging.getLogger(__name__)

MOST_EVENTS = 2_000
"""Of one seal: far from the 16 MB of a document, and a short transaction."""


def seal_trail(seals: Seals) -> int:
    """Seals all events that are there and returns how many; another process may seal at the same time."""
    sealed = 0
    while True:
        last = seals.last()
        events = seals.unsealed(last, MOST_EVENTS)
        if not events:
            return sealed
        heads = seals.heads({event.get("p", "") for event in events})
        if seals.append(*build_seal(events, last, heads, now_ms())):
            sealed += len(events)


def head(seals: Seals) -> str:
    """Returns the hash of the newest seal: who keeps it elsewhere can tell later that none was removed."""
    row = seals.heads([SEALS_HEAD]).get(SEALS_HEAD)
    return f"{row['n']}:{row['h']}" if row is not None else ""


class Sealing:
    """A thread that seals now and then; of all processes of one database one at a time does."""

    def __init__(self, seals: Seals, seconds: int) -> None:
        self._seals = seals
        self._seconds = seconds
        self._pid = 0
        self._owner = ""
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def start(self) -> None:
        """Starts the thread of this process, once; after a fork the child needs its own."""
        if self._pid == os.getpid() or not self._seconds:
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            self._owner, self._ended = secrets.token_hex(8), threading.Event()
            threading.Thread(target=self._run, name="audit-seal", daemon=True).start()
            self._pid = os.getpid()

    def stop(self) -> None:
        """Ends the thread."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                if self._seals.lease(self._owner, 2 * self._seconds):
                    seal_trail(self._seals)
            except FhirError as error:
                _log.warning("the audit trail was not sealed: %s", error.diagnostics)
            except Exception:
                _log.exception("the audit trail was not sealed")
