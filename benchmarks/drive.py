"""A client that costs little: prepared requests over keep-alive connections, one epoll loop. RFC 9112"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

CONNECTIONS = 8
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SILENCE = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a fixed number of requests went."""

    seconds: float
    latencies: tuple[float, ...]
    """Seconds, ascending."""
    statuses: Counter[int]
    failed: bytes
    """The first answer that was no success."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency, in ms, that this share of the requests did not exceed."""
        return 1000 * self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


def build_request(
    method: str, path: str, token: str = "", body: bytes = b"", headers: Sequence[tuple[str, str]] = ()
) -> bytes:
    """Returns the bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/fhir+json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/fhir+json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drive(port: int, requests: Sequence[bytes], connections: int = CONNECTIONS) -> Outcome:
    """Sends each request once, `connections` at a time."""
    waiting = iter(requests)
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    failed = b""
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for request in islice(waiting, connections):
            opened = _Connection(port)
            selector.register(opened.socket, selectors.EVENT_READ, opened)
            opened.send(request)
        for connection, status in _answers(selector, len(requests)):
            latencies.append(time.perf_counter() - connection.sent)
            statuses[status] += 1
            if status >= 400 and not failed:
                failed = connection.answer
            following = next(waiting, None)
            if following is not None:
                connection.send(following)
        seconds = time.perf_counter() - began
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return Outcome(seconds, tuple(sorted(latencies)), statuses, failed)


def _answers(selector: selectors.BaseSelector, number: int) -> Iterator[tuple[_Connection, int]]:
    """Yields connections as their answers become whole, until there were `number`."""
    while number:
        ready = selector.select(_SILENCE)
        if not ready:
            raise TimeoutError("the server is silent")
        for key, _ in ready:
            status = key.data.receive()
            if status is not None:
                number -= 1
                yield key.data, status


class _Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_SILENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer = b""
        self.sent = 0.0

    def send(self, request: bytes) -> None:
        self.answer = b""
        self.sent = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """Reads what is there; returns the status once the answer is whole."""
        chunk = self.socket.recv(262_144)
        if not chunk:
            raise ConnectionError(f"the server closed the connection: {self.answer[:500]!r}")
        self.answer += chunk
        end = self.answer.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = _LENGTH.search(self.answer, 0, end + 2)
        if length is None or len(self.answer) < end + 4 + int(length[1]):
            return None
        return int(self.answer[9:12])
