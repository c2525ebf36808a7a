"""A mongod of our own for the demonstration and the tests: a single-node replica set on the loopback.

https://www.mongodb.com/docs/manual/tutorial/convert-standalone-to-replica-set/
A replica set, because transactions need one. It has no password: whoever may log in to this machine reads it,
hence for fictitious data only; a deployment sets MONGODB_URI.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from fhir_server.storage.child import start_child
from fhir_server.storage.mongod import INSTEAD, MongodUnavailable, explain, find_mongod

REPLICA_SET = "embedded"
NO_CONFIGURATION = 94  # NotYetInitialized
START_SECONDS = 60.0
STOP_SECONDS = 20.0
PORT_TAKEN = 48


class EmbeddedMongo:
    """A running mongod between `start` and `stop`; a context manager. Its files stay under data/mongodb."""

    def __init__(self, data: Path, *, port: int | None = None, cache_gb: float = 0.5) -> None:
        self._folder = data.resolve() / "mongodb"
        self._wanted_port = port
        self._cache_gb = cache_gb
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._owner = os.getpid()
        self.port = 0

    @property
    def uri(self) -> str:
        """The URI for MongoClient."""
        return _uri(self.port)

    @property
    def _host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> EmbeddedMongo:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts mongod and returns when it accepts writes; MongodUnavailable says why it does not."""
        self._owner = os.getpid()
        self._take_lock()
        try:
            program = find_mongod(self._folder.parent / "bin")
            self._await_former()
            self._launch(program)
            self._become_primary()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops mongod: SIGTERM, which closes its files cleanly, then SIGKILL; nothing in a forked child."""
        if os.getpid() != self._owner:
            return
        self._end_process()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _take_lock(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self._folder.parent / "mongodb.lock").open("a+")
        except OSError as error:
            raise MongodUnavailable(
                f"{self._folder.parent} cannot be written ({error.strerror}): choose another with DATA=."
            ) from error
        try:
            # The kernel drops the lock with the process: after kill -9 nothing stale remains.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise MongodUnavailable(
                f"Another fhir-server uses {self._folder.parent}: stop it, or choose another with DATA=."
            ) from error
        self._lock = lock

    def _await_former(self) -> None:
        """Waits for a mongod whose server was killed and which is still closing its files."""
        path = self._folder / "mongod.lock"
        if not path.exists():
            return
        end = time.monotonic() + STOP_SECONDS
        with path.open("a") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except OSError as error:
                    if time.monotonic() > end:
                        number = path.read_text().strip()
                        raise MongodUnavailable(
                            f"A mongod (process {number}) still uses {self._folder}: stop it first."
                        ) from error
                    time.sleep(0.05)

    def _launch(self, program: Path) -> None:
        for attempt in range(3):
            kept = self._kept_port()
            self.port = self._wanted_port or (kept if _is_free(kept) else _free_port())
            code: int | None = PORT_TAKEN
            if _is_free(self.port):
                if kept != self.port and (self._folder / "WiredTiger").exists():
                    self._rename_member(program)
                (self._folder / "port").write_text(str(self.port))
                code = self._run(program, *("--replSet", REPLICA_SET, "--oplogSize", "512"))
            if code is None:
                return
            if code != PORT_TAKEN or self._wanted_port or attempt == 2:
                self._give_up(program, code)

    def _rename_member(self, program: Path) -> None:
        """Tells the replica set its new port, as MongoDB documents it: started alone, changed, stopped.

        https://www.mongodb.com/docs/manual/tutorial/change-hostnames-in-a-replica-set/
        Without it mongod would ask whatever program has its former port now whether it is itself.
        """
        code = self._run(program)
        if code is not None:
            self._give_up(program, code)
        with MongoClient[dict[str, Any]](self.uri, serverSelectionTimeoutMS=10_000) as client:
            client.local["system.replset"].update_one({}, {"$set": {"members.0.host": self._host}})
        self._end_process()

    def _run(self, program: Path, *more: str) -> int | None:
        """Starts mongod; returns None when it listens, its exit code when it has ended."""
        log = self._folder / "mongod.log"
        if log.exists():
            log.replace(self._folder / "mongod.log.1")
        with (self._folder / "mongod.err").open("wb") as words:
            self._process = self._spawn([str(program), *self._arguments(log), *more], words)
        return self._await_listening(self._process)

    def _give_up(self, program: Path, code: int) -> NoReturn:
        said = (self._folder / "mongod.err").read_text("utf-8", "replace") if code != PORT_TAKEN else ""
        log = self._folder / "mongod.log"
        hint = f" Its log is {log}." if log.exists() else ""
        raise MongodUnavailable(explain(program, code, said) + hint)

    def _spawn(self, command: list[str], words: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return start_child(command, words)
        except OSError as error:
            raise MongodUnavailable(f"mongod cannot be started: {error}.") from error

    def _kept_port(self) -> int:
        """The port of the last run, where the replica set expects itself; 0 when there was none."""
        try:
            return int((self._folder / "port").read_text())
        except (OSError, ValueError):
            return 0

    def _arguments(self, log: Path) -> list[str]:
        parameters = ("diagnosticDataCollectionEnabled=false", "shutdownTimeoutMillisForSignaledShutdown=100")
        return [
            *("--dbpath", str(self._folder), "--logpath", str(log)),
            *("--port", str(self.port), "--bind_ip", "127.0.0.1", "--nounixsocket"),
            *("--wiredTigerCacheSizeGB", str(self._cache_gb), "--networkMessageCompressors", "disabled"),
            # 300 MB of journal would be laid out ahead otherwise.
            *("--wiredTigerEngineConfigString", "log=(prealloc=false,file_max=32MB)"),
            *(word for parameter in parameters for word in ("--setParameter", parameter)),
        ]

    def _await_listening(self, process: subprocess.Popen[bytes]) -> int | None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            code = process.poll()
            if code is not None:
                return code
            if not _is_free(self.port):
                return None
            time.sleep(0.02)
        raise MongodUnavailable(f"mongod does not answer after {START_SECONDS:.0f} s, {INSTEAD}.")

    def _become_primary(self) -> None:
        client: MongoClient[dict[str, Any]] = MongoClient(self.uri, serverSelectionTimeoutMS=10_000)
        try:
            self._initiate(client)
            end = time.monotonic() + START_SECONDS
            while not client.admin.command("hello").get("isWritablePrimary"):
                if time.monotonic() > end:
                    raise MongodUnavailable(f"mongod in {self._folder} does not become primary, {INSTEAD}.")
                time.sleep(0.02)
        except PyMongoError as error:
            raise MongodUnavailable(f"mongod in {self._folder} does not answer: {error}") from error
        finally:
            client.close()

    def _initiate(self, client: MongoClient[dict[str, Any]]) -> None:
        try:
            client.admin.command("replSetGetConfig")
        except OperationFailure as error:
            if error.code != NO_CONFIGURATION:
                raise
            members = [{"_id": 0, "host": self._host}]
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})


def running_uri(data: Path) -> str | None:
    """The URI of the mongod that another process of this machine keeps on `data`; None when there is none."""
    folder = data.resolve()
    try:
        with (folder / "mongodb.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        port = int((folder / "mongodb" / "port").read_text())
        return _uri(port)
    except OSError:
        return None
    return None


def _uri(port: int) -> str:
    return f"mongodb://127.0.0.1:{port}/?directConnection=true"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    if port == 0:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
