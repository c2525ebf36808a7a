"""How soon a worker answers, and in how much memory.

Why: a rolling restart is as long as its slowest worker, and memory decides how many workers a machine holds.
Definitions compiled ahead and a lazy import of what most requests do not need keep both small.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.comparisons import COMPARISONS
from benchmarks.dataset import Dataset
from benchmarks.drive import drive
from benchmarks.servers import gunicorn

_STARTS = 3
_REQUESTS = 200


def measure_start(data: Dataset, folder: Path) -> dict[str, float]:
    """Prints the seconds from the command to the first answer, and the memory after requests of each kind."""
    seconds, cpu, resident = [], [], []
    for _ in range(_STARTS):
        shape = {"WORKERS": "1", "THREADS": "4"}
        with gunicorn("fhir_server.app:create_app()", data.subject | shape, folder) as running:
            seconds.append(running.ready_seconds)
            cpu.append(running.ready_cpu)
            for comparison in COMPARISONS:
                drive(running.port, comparison.requests(data, _REQUESTS, 0))
            resident.append(max(running.resident()) / 1e6)
    print(
        f"\nstart: first answer after {median(seconds):.2f} s ({median(cpu):.2f} s of CPU);"
        f" a worker takes {median(resident):.0f} MB after {_REQUESTS} requests of each kind"
    )
    return {"ready seconds": median(seconds), "resident MB": median(resident)}
