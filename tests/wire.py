"""Listens between a server and its database, and writes down what goes over the wire, whoever sends it.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import bson
from pymongo.uri_parser import parse_uri

_OP_MSG = 2013
_UNNAMED = frozenset({"commitTransaction", "abortTransaction"})
_STREAM = "$cmd.aggregate"
"""The change stream of a database, which waits beside the requests (storage/revocations.py)."""
_IGNORED = frozenset({"hello", "isMaster", "ismaster", "endSessions", "ping"})


class Trips:
    """Round trips, each the list of commands that left together."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self._lock = threading.Lock()

    def clear(self) -> None:
        with self._lock:
            self.seen = []

    def add(self, names: list[str], *, together: bool) -> None:
        """Notes commands; `together` when an earlier one of the same connection is not answered yet."""
        with self._lock:
            if together and self.seen:
                self.seen[-1] += names
            elif names:
                self.seen.append(names)


@contextmanager
def overheard(mongodb_uri: str) -> Iterator[tuple[str, Trips]]:
    """Yields a URI that leads to the same database, and what is asked there."""
    host, port = parse_uri(mongodb_uri)["nodelist"][0]
    trips = Trips()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        own = listening.getsockname()[1]
        threading.Thread(target=_accept, args=(listening, (host, port), trips), daemon=True).start()
        yield f"mongodb://127.0.0.1:{own}/?directConnection=true", trips
        listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, upstream: Any, trips: Trips) -> None:
    while True:
        try:
            near, _ = listening.accept()
        except OSError:
            return
        far = socket.create_connection(upstream)
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = _Line(near, far, trips)
        threading.Thread(target=line.carry_requests, daemon=True).start()
        threading.Thread(target=line.carry_answers, daemon=True).start()


class _Line:
    """One connection of the server."""

    def __init__(self, near: socket.socket, far: socket.socket, trips: Trips) -> None:
        self._near, self._far, self._trips = near, far, trips
        self._open = 0
        self._lock = threading.Lock()

    def carry_requests(self) -> None:
        with suppress(OSError):  # the other side hung up
            for messages in _messages(self._near, self._far):
                names = [name for name in map(_name, messages) if name]
                with self._lock:
                    waiting, self._open = self._open, self._open + len(messages)
                self._trips.add(names, together=bool(names and waiting))
                self._far.sendall(b"".join(messages))

    def carry_answers(self) -> None:
        with suppress(OSError):
            for messages in _messages(self._far, self._near):
                with self._lock:
                    self._open -= len(messages)
                self._near.sendall(b"".join(messages))


def _messages(source: socket.socket, target: socket.socket) -> Iterator[list[bytes]]:
    """Yields the whole messages that arrived together."""
    waiting = b""
    with source, target:
        while True:
            chunk = source.recv(1 << 20)
            if not chunk:
                return
            waiting += chunk
            whole = []
            while len(waiting) >= 4 and len(waiting) >= (size := struct.unpack_from("<i", waiting)[0]):
                whole.append(waiting[:size])
                waiting = waiting[size:]
            yield whole


def _name(message: bytes) -> str:
    """insert Patient, commitTransaction; "" for what the driver says to itself."""
    if struct.unpack_from("<i", message, 12)[0] != _OP_MSG:
        return ""
    command = bson.decode(message[21 : 21 + struct.unpack_from("<i", message, 21)[0]])
    name = next(iter(command))
    if name in _IGNORED or name.startswith("sasl"):
        return ""
    if name == "getMore" and command["collection"] == _STREAM:
        return ""
    return name if name in _UNNAMED else f"{name} {command[name]}"
