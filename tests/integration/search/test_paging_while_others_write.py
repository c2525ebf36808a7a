"""Readers turn pages while writers create, change and delete: what stays as it is comes once, and always.

`make test-paging` does it with 50 readers and 50 writers.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.examples import body, link, transaction
from tests.http_client import FhirHttp
from tests.running_server import RunningServer

THREADS = int(os.environ.get("PAGING_THREADS", "6"))
SECONDS = float(os.environ.get("PAGING_SECONDS", "4"))
PATIENCE = 1_200
"""Seconds for a walk through all pages on a busy machine."""

STEADY, MOVING = 120, 60
SORTS = [
    "",
    "date",
    "-date",
    "_id",
    "-_id",
    "_lastUpdated",
    "-_lastUpdated",
    "value-quantity",
    "-value-quantity",
]


def observation(id_: str, chance: random.Random) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"text": "x"},
        "effectiveDateTime": f"2020-01-{chance.randint(1, 4):02}",
        "valueQuantity": {"value": chance.randint(1, 4), "unit": "mg"},
    }


def store(fhir: FhirHttp) -> None:
    chance = random.Random(1)
    names = [f"steady{i}" for i in range(STEADY)] + [f"moving{i}" for i in range(MOVING)]
    rows = [
        {"request": {"method": "PUT", "url": f"Observation/{n}"}, "resource": observation(n, chance)}
        for n in names
    ]
    assert fhir.post("", transaction(*rows)).status_code == 200


def write(fhir: FhirHttp, number: int, stop: threading.Event) -> int:
    """Creates, changes and deletes until it is told to stop; returns how often."""
    chance = random.Random(number)
    written = 0
    while not stop.is_set():
        id_ = f"moving{chance.randrange(MOVING)}"
        if chance.random() < 0.3:
            answer = fhir.delete(f"Observation/{id_}")
        else:
            answer = fhir.put(f"Observation/{id_}", observation(id_, chance))
        # Two writers may meet at one resource, and one of them is told so.
        assert answer.status_code in (200, 201, 204, 404, 409, 412), answer.text
        written += 1
    return written


def read(fhir: FhirHttp, number: int, until: float) -> tuple[int, list[str]]:
    """Walks through all pages again and again; returns how often, and what was wrong."""
    wrong: list[str] = []
    walks = 0
    while walks == 0 or time.monotonic() < until:
        sort = SORTS[(number + walks) % len(SORTS)]
        url: str | None = f"Observation?_count={7 + number % 30}" + (f"&_sort={sort}" if sort else "")
        seen: Counter[str] = Counter()
        while url:
            answer = fhir.get(url)
            assert answer.status_code == 200, answer.text
            page = body(answer)
            seen.update(row["resource"]["id"] for row in page.get("entry", []))
            url = link(page, "next")
        steady = {id_: seen[id_] for id_ in (f"steady{i}" for i in range(STEADY))}
        wrong += [f"{sort}: {id_} came {n} times" for id_, n in steady.items() if n != 1]
        walks += 1
    return walks, wrong


def test_what_stays_as_it_is_comes_once_while_others_write(server: RunningServer) -> None:
    store(server.client())
    stop = threading.Event()
    with ThreadPoolExecutor(2 * THREADS) as pool:
        writers = [pool.submit(write, server.client(), n, stop) for n in range(THREADS)]
        until = time.monotonic() + SECONDS
        readers = [pool.submit(read, server.client(), n, until) for n in range(THREADS)]
        try:
            results = [reader.result(timeout=PATIENCE) for reader in readers]
        finally:
            stop.set()
        written = sum(writer.result(timeout=60) for writer in writers)
    assert [w for _, wrong in results for w in wrong] == []
    assert sum(walks for walks, _ in results) >= THREADS
    assert written >= THREADS
