"""Starts applications under gunicorn and reads what they and the database consume."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.drive import build_request, drive
from benchmarks.train_dictionary import ROOT

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """A gunicorn that answers."""

    port: int
    process: psutil.Process
    ready_seconds: float
    """From the start of the command to the first answer."""
    ready_cpu: float

    def cpu(self) -> float:
        """CPU seconds, user and system, of arbiter and workers so far."""
        return tree_cpu(self.process)

    def resident(self) -> list[int]:
        """RSS of each worker in bytes."""
        return [worker.memory_info().rss for worker in self.process.children()]


def tree_cpu(process: psutil.Process) -> float:
    """CPU seconds of a process and its living descendants."""
    return sum(_cpu(one) for one in (process, *process.children(recursive=True)))


def _cpu(process: psutil.Process) -> float:
    """CPU seconds, user and system, of a process; of its living threads where the kernel counts nanoseconds.

    https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
    """
    threads = Path(f"/proc/{process.pid}/task")
    if Path("/proc/self/schedstat").exists():
        return 1e-9 * sum(map(_nanoseconds, threads.iterdir()))
    times = process.cpu_times()
    return float(times.user + times.system)


def _nanoseconds(thread: Path) -> int:
    """What a thread has run, 0 when it ended since it was listed: mongod has one for each connection."""
    try:
        return int((thread / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0


@contextmanager
def gunicorn(application: str, environ: dict[str, str], folder: Path) -> Iterator[Running]:
    """Serves `module:factory()` until the end of the block; its log goes to `folder`."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "python:benchmarks.gunicorn_conf", application]
    log = folder / f"{application.partition('()')[0].replace(':', '-')}-{port}.log"
    with log.open("wb") as words:
        began = time.perf_counter()
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ, "PORT": str(port)},
            stdout=words,
            stderr=words,
        )
        try:
            process = psutil.Process(started.pid)
            _await_answer(started, port, log)
            yield Running(port, process, time.perf_counter() - began, tree_cpu(process))
        finally:
            started.terminate()
            started.wait(30)


def _await_answer(started: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if started.poll() is not None:
            break
        try:
            drive(port, [build_request("GET", "/health/live")])
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"the application did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_mongod(mongo_port: int) -> psutil.Process:
    """The embedded mongod of this process, by the port it was started with."""
    for child in psutil.Process().children(recursive=True):
        if str(mongo_port) in child.cmdline():
            return child
    raise RuntimeError("mongod is not running")
