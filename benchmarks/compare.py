"""Drives floor and server in turn and tells the cost of one as a ratio of the other's.

A B C, B C A, …: neighbours on the machine disturb all of them alike, and the ratio of a round survives.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from benchmarks.comparisons import Comparison
from benchmarks.dataset import Dataset
from benchmarks.drive import drive
from benchmarks.servers import Running, gunicorn, tree_cpu

APPLICATIONS = {
    "floor": "benchmarks.floor:create_app()",
    "audited": "fhir_server.app:create_app()",
    "unaudited": "benchmarks.unaudited:create_app()",
}
_WARM_UP = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """What one round of requests took."""

    server_us: float
    """CPU of the server's processes per request."""
    mongod_us: float
    rate: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Rounds of one comparison for one application."""

    comparison: str
    application: str
    shape: str
    samples: tuple[Sample, ...]
    floor: tuple[Sample, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """CPU of the server over the floor's, of each round, ascending."""
        pairs = zip(self.samples, self.floor, strict=True)
        return tuple(sorted(ours.server_us / bare.server_us for ours, bare in pairs))

    @property
    def total_ratios(self) -> tuple[float, ...]:
        """As `ratios`, with the CPU of mongod on both sides."""
        pairs = zip(self.samples, self.floor, strict=True)
        return tuple(sorted((o.server_us + o.mongod_us) / (b.server_us + b.mongod_us) for o, b in pairs))

    def middle(self, name: str) -> float:
        """The median of one measure."""
        return float(median(getattr(sample, name) for sample in self.samples))


def compare(
    comparisons: list[Comparison],
    data: Dataset,
    mongod: psutil.Process,
    folder: Path,
    *,
    shape: tuple[int, int],
    rounds: int,
) -> Iterator[Compared]:
    """Yields how the applications did, floor first; `shape` is workers and threads."""
    workers, threads = shape
    environment = {"WORKERS": str(workers), "THREADS": str(threads)}
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(
                gunicorn(application, (data.floor if name == "floor" else data.subject) | environment, folder)
            )
            for name, application in APPLICATIONS.items()
        }
        for comparison in comparisons:
            for server in running.values():
                _measure(server, mongod, comparison.requests(data, _WARM_UP, -1))
            samples: dict[str, list[Sample]] = {name: [] for name in running}
            names = list(running)
            for round_ in range(rounds):
                for name in names:
                    requests = comparison.requests(data, comparison.number, round_)
                    samples[name].append(_measure(running[name], mongod, requests))
                names = names[1:] + names[:1]
            for name in APPLICATIONS:
                yield Compared(
                    comparison.name,
                    name,
                    f"{workers}x{threads}",
                    tuple(samples[name]),
                    tuple(samples["floor"]),
                )


def _measure(server: Running, mongod: psutil.Process, requests: list[bytes]) -> Sample:
    before, mongod_before = server.cpu(), tree_cpu(mongod)
    outcome = drive(server.port, requests)
    after, mongod_after = server.cpu(), tree_cpu(mongod)
    if any(status >= 400 for status in outcome.statuses):
        raise RuntimeError(f"answers were {dict(outcome.statuses)}: {outcome.failed[:2000]!r}")
    return Sample(
        1e6 * (after - before) / len(requests),
        1e6 * (mongod_after - mongod_before) / len(requests),
        outcome.rate,
        outcome.percentile(0.5),
        outcome.percentile(0.99),
    )
