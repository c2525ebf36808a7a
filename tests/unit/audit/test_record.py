"""Group commit: requests that wait together share one insert, and each hears how it went."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from fhir_server.audit.event import Access, Caller
from fhir_server.audit.record import AuditRecorder

CALLER = Caller("app", "t1", "", "TREAT", "", "")


class Trail:
    """Keeps what it is given; slow, or failing, on demand."""

    def __init__(self) -> None:
        self.groups: list[list[Any]] = []
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.error: BaseException | None = None

    def append(self, events: list[Any], _notifications: list[Any]) -> None:
        self.entered.set()
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        self.groups.append(events)


def recorder(trail: Trail) -> AuditRecorder:
    return AuditRecorder(cast(Any, trail))


def access(number: int) -> list[Access]:
    return [Access("read", "Patient", f"p{number}", (f"Patient/p{number}/_history/1",))]


def test_nothing_to_record_asks_nothing() -> None:
    trail = Trail()
    recorder(trail).record([], CALLER)
    assert trail.groups == []


def test_who_comes_while_one_writes_shares_the_next_insert() -> None:
    trail = Trail()
    audit = recorder(trail)
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(audit.record, access(0), CALLER)
        assert trail.entered.wait(10)
        others = [pool.submit(audit.record, access(n), CALLER) for n in range(1, 20)]
        while len(audit._queue) < 19:
            time.sleep(0.001)
        assert not first.done()
        trail.gate.set()
        for future in [first, *others]:
            future.result(timeout=10)
    assert [len(group) for group in trail.groups] == [1, 19]


def test_the_failure_of_a_group_is_that_of_each_and_of_no_other() -> None:
    trail = Trail()
    trail.error = OSError("disk")
    audit = recorder(trail)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(audit.record, access(n), CALLER) for n in range(8)]
        trail.gate.set()
        for future in futures:
            with pytest.raises(OSError, match="disk"):
                future.result(timeout=10)
    trail.error = None
    audit.record(access(9), CALLER)
    assert len(trail.groups) == 1


def test_many_threads_lose_no_event_and_write_none_twice() -> None:
    trail = Trail()
    trail.gate.set()
    audit = recorder(trail)
    with ThreadPoolExecutor(32) as pool:
        for future in [pool.submit(audit.record, access(n), CALLER) for n in range(500)]:
            future.result(timeout=30)
    found = [row["p"] for group in trail.groups for row in group]
    assert sorted(found) == sorted(f"p{n}" for n in range(500))
    assert len(trail.groups) <= 500
