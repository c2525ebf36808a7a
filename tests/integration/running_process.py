"""`fhir-server run` as a process of its own, with real workers and real signals."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
from pymongo import MongoClient

PATIENCE = 30.0


@dataclass
class RunningProcess:
    """A running `fhir-server run` and what it wrote."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def health(self, name: str, timeout: float = 10) -> int:
        """Returns the status of /health/…, 0 when nobody answers."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/health/{name}", timeout=timeout).status_code
        except (requests.ConnectionError, requests.Timeout):
            return 0

    def end(self) -> None:
        """Leaves nothing running, whatever a test did."""
        alive = self.process.poll() is None
        left = psutil.Process(self.process.pid).children(recursive=True) if alive else []
        for process in [self.process, *left]:
            process.kill()
        self.process.wait()


def await_(condition: Callable[[], Any], what: str) -> None:
    """Waits until something is so."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"in vain: {what}"
        time.sleep(0.05)


@contextmanager
def short_transactions(mongodb_uri: str) -> Iterator[None]:
    """What a dead process had begun to change is free again after 3 seconds, and not after MongoDB's 60."""
    name = "transactionLifetimeLimitSeconds"
    with MongoClient(mongodb_uri) as client:
        before = client.admin.command("setParameter", 1, **{name: 3})["was"]
        try:
            yield
            # A database cannot be dropped while one of them is open.
            await_(lambda: not _open_transactions(client), "no transaction is left")
        finally:
            client.admin.command("setParameter", 1, **{name: before})


def _open_transactions(client: Any) -> int:
    return int(client.admin.command("serverStatus")["transactions"]["currentOpen"])


@contextmanager
def run_process(
    folder: Path, mongodb_uri: str, database_name: str, **settings: str
) -> Iterator[RunningProcess]:
    """Runs a server with two workers until the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": database_name}
    log = folder / f"{port}.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "fhir_server.cli", "run", "--port", str(port), "--workers", "2"],
            stdout=written,
            stderr=written,
            env={**os.environ, **environ, **settings},
        )
    running = RunningProcess(process, port, log)
    try:
        yield running
    finally:
        running.end()
