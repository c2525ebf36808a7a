"""Commands sent over a connection of the driver's pool as bare messages: one out, one back.

PyMongo chooses the server, opens, secures and watches the connections. What it does around each command
on top of that (sessions, retries, monitoring, results) costs more than the command; the few commands that
every request sends go without. Only plain success counts here: after anything else the caller asks the
driver, which knows how to try again and how to name the failure.
docs/decisions/0024-one-transaction-with-its-event.md,
https://github.com/mongodb/specifications/blob/master/source/message/OP_MSG.md
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import count
from struct import Struct
from typing import Any

import bson
from bson import Binary, Int64
from pymongo import MongoClient, ReadPreference
from pymongo.errors import AutoReconnect, DocumentTooLarge, PyMongoError, ServerSelectionTimeoutError

Document = dict[str, Any]

JOURNALED = {"w": "majority", "j": True}
_HEADER = Struct("<iiiiIB")  # length, request, answers, opcode, flags, kind of the section
_OP_MSG = 2013
_OVERHEAD = _HEADER.size
_MOST_BYTES = 1024 * 1024
"""What is larger leaves through the driver, which may take its time to send it."""
_CHUNK = 65_536
_POLL_SECONDS = 0.5
"""How often a silent connection is asked whether the driver's monitor has given it up."""
_MOST_IDLE = 32
"""Connections kept between exchanges; the others of the pool are for the driver's own commands."""
_COMMITTED = 256  # TransactionCommitted
_NO_TRANSACTION = 251  # NoSuchTransaction
_SETTLE_ATTEMPTS = 3

_numbers = count(1)


class Direct:
    """The short way to one database for the threads of one process."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        self._database = database
        self._idle: deque[_Line] = deque()
        self._sessions: deque[tuple[Document, int]] = deque()
        # A URI may send reads elsewhere; the driver then finds the way.
        self._reads = client.read_preference == ReadPreference.PRIMARY

    def find(self, command: Document) -> list[Document] | None:
        """Returns what a find command finds when it fits one batch; None: ask the driver."""
        if not self._reads:
            return None
        answers = self._exchange([command])
        if answers is None or not _is_plain(answers[0]) or answers[0]["cursor"]["id"]:
            return None
        found: list[Document] = answers[0]["cursor"]["firstBatch"]
        return found

    def insert(self, name: str, documents: Sequence[Mapping[str, Any]]) -> bool:
        """Tells whether all documents are stored, journaled by a majority; False: ask the driver."""
        command = {"insert": name, "documents": documents, "ordered": False, "writeConcern": JOURNALED}
        answers = self._exchange([command])
        return answers is not None and _is_plain(answers[0])

    def insert_together(self, documents: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
        """Inserts into several collections in one transaction and one round trip.

        False: nothing is stored, ask the driver. The commands follow each other without waiting: MongoDB
        reads a connection in order, and refuses to commit a transaction in which anything failed.
        """
        session, number = self._sessions.pop() if self._sessions else (_new_session(), 0)
        within = {"lsid": session, "txnNumber": Int64(number + 1), "autocommit": False}
        commands: list[Document] = [
            {"insert": name, "documents": rows, **within} for name, rows in documents.items()
        ]
        commands[0]["startTransaction"] = True
        commit = {"commitTransaction": 1, "writeConcern": JOURNALED, **within}
        answers = self._exchange([*commands, commit])
        if answers is None or not all(map(_is_plain, answers)):
            return self._settle(within)
        self._sessions.append((session, number + 1))
        return True

    def _settle(self, within: Document) -> bool:
        """Tells whether a transaction of unknown end was committed; one that is still open is aborted."""
        for _ in range(_SETTLE_ATTEMPTS):
            answers = self._exchange([{"abortTransaction": 1, "writeConcern": JOURNALED, **within}])
            if answers is None:
                continue
            if answers[0].get("code") == _COMMITTED:
                # Committed before we asked; this commit waits until a majority has it, too.
                answers = self._exchange([{"commitTransaction": 1, "writeConcern": JOURNALED, **within}])
                if answers is not None and _is_plain(answers[0]):
                    return True
            elif answers[0]["ok"] or answers[0].get("code") == _NO_TRANSACTION:
                return False
        raise AutoReconnect("the end of a transaction is not known")

    def _exchange(self, commands: list[Document]) -> list[Document] | None:
        """Returns the answers to commands that are sent at once; None when they did not come."""
        try:
            messages = [self._message(command) for command in commands]
            line = self._take()
            if len(commands) > 1 and line.connection.is_mongos:
                line.hang_up()
                return None  # a router is told more about transactions than is told here
            answers = line.ask(messages)
        except ServerSelectionTimeoutError:
            raise  # the driver would wait as long again
        except (PyMongoError, bson.errors.BSONError, AttributeError, TypeError):
            # Also a driver that names its parts in another way: its front door is open.
            return None
        if len(self._idle) < _MOST_IDLE and all(answer["ok"] for answer in answers):
            self._idle.append(line)
        else:
            line.hang_up()  # after an error: perhaps this is no primary any more
        return answers

    def _take(self) -> _Line:
        while self._idle:
            line = self._idle.pop()
            if not line.connection.cancel_context.cancelled:
                return line
            line.hang_up()
        return _Line(self._client._conn_for_writes(None, "direct"))

    def close(self) -> None:
        """Gives the connections back to the driver."""
        while self._idle:
            self._idle.pop().hang_up()

    def _message(self, command: Document) -> tuple[int, bytes]:
        command["$db"] = "admin" if "lsid" in command and "documents" not in command else self._database
        body = bson.encode(command)
        if len(body) > _MOST_BYTES:
            raise DocumentTooLarge("for a bare message")
        number = next(_numbers) & 0x7FFFFFFF
        return number, _HEADER.pack(_OVERHEAD + len(body), number, 0, _OP_MSG, 0, 0) + body


def _new_session() -> Document:
    return {"id": Binary(uuid.uuid4().bytes, 4)}


def _is_plain(answer: Document) -> bool:
    """True for success without reservations."""
    return bool(answer["ok"]) and "writeErrors" not in answer and "writeConcernError" not in answer


class _Line:
    """A connection that stays checked out of the driver's pool between exchanges."""

    __slots__ = ("_allowed", "_checkout", "_rest", "connection")

    def __init__(self, checkout: Any) -> None:
        self._checkout = checkout
        self.connection = checkout.__enter__()
        self._allowed = self.connection.conn.gettimeout()
        self._rest = bytearray()
        self.connection.set_conn_timeout(_POLL_SECONDS)

    def hang_up(self, error: BaseException | None = None) -> None:
        """Gives the connection back; after an error the driver closes it and doubts the server."""
        if not self.connection.closed:
            self.connection.set_conn_timeout(self._allowed)
        self._checkout.__exit__(error and type(error), error, error and error.__traceback__)

    def ask(self, messages: list[tuple[int, bytes]]) -> list[Document]:
        """Returns the answers to requests that leave together."""
        try:
            return self._ask(messages)
        except BaseException as error:
            self.hang_up(error)
            raise

    def _ask(self, messages: list[tuple[int, bytes]]) -> list[Document]:
        answers: list[Document] = []
        try:
            self.connection.conn.get_conn.sendall(b"".join([message for _, message in messages]))
            deadline = time.monotonic() + self._allowed if self._allowed else None
            for number, _ in messages:
                answers.append(self._answer(number, deadline))
        except BaseException as error:
            # An answer may still be on its way: nobody may use the connection again.
            self.connection._raise_connection_failure(error)
        return answers

    def _answer(self, number: int, deadline: float | None) -> Document:
        rest = self._rest
        while len(rest) < _OVERHEAD:
            self._read(_CHUNK, deadline)
        length, _, to, opcode, _, kind = _HEADER.unpack_from(rest)
        if to != number or opcode != _OP_MSG or kind:
            raise OSError("the answer is none to the request")
        while len(rest) < length:
            self._read(max(_CHUNK, length - len(rest)), deadline)
        document = bson.decode(bytes(rest[_OVERHEAD:length]))
        del rest[:length]
        return document

    def _read(self, size: int, deadline: float | None) -> None:
        while True:
            try:
                chunk = self.connection.conn.get_conn.recv(size)
                break
            except TimeoutError:
                given_up = self.connection.cancel_context.cancelled
                if given_up or (deadline is not None and time.monotonic() > deadline):
                    raise
        if not chunk:
            raise OSError("connection closed")
        self._rest += chunk
