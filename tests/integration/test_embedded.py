"""The embedded mongod: kept data, one owner, no orphans, and sentences when it cannot start."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from fhir_server.storage import embedded, mongod
from fhir_server.storage.embedded import EmbeddedMongo, running_uri
from fhir_server.storage.mongod import MongodUnavailable, explain, find_mongod

OWNER = """
import sys, threading, time
from pathlib import Path
from fhir_server.storage.embedded import EmbeddedMongo
mongo = EmbeddedMongo(Path(sys.argv[1]), cache_gb=0.25)
thread = threading.Thread(target=mongo.start)
thread.start()
thread.join()
print(mongo.uri, mongo._process.pid, flush=True)
time.sleep(600)
"""


def write(uri: str, value: int) -> None:
    with MongoClient(uri) as client, client.start_session() as session, session.start_transaction():
        client.kept.numbers.insert_one({"_id": value}, session=session)


def values(uri: str) -> list[int]:
    with MongoClient(uri) as client:
        return [row["_id"] for row in client.kept.numbers.find().sort("_id")]


def own(folder: Path) -> tuple[subprocess.Popen[str], str, int]:
    """Another process that keeps a mongod."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert owner.stdout is not None
    uri, pid = owner.stdout.readline().split()
    return owner, uri, int(pid)


def await_end(pid: int) -> None:
    for _ in range(600):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    pytest.fail("mongod still runs")


def test_transactions_work_and_the_next_run_keeps_data_and_port(tmp_path: Path) -> None:
    with EmbeddedMongo(tmp_path, cache_gb=0.25) as mongo:
        first = mongo.port
        write(mongo.uri, 1)
    assert running_uri(tmp_path) is None
    with EmbeddedMongo(tmp_path, cache_gb=0.25) as mongo:
        assert mongo.port == first
        assert values(mongo.uri) == [1]
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", first))
        taker.listen()
        with EmbeddedMongo(tmp_path, cache_gb=0.25) as mongo:
            assert mongo.port != first
            write(mongo.uri, 2)
            assert values(mongo.uri) == [1, 2]
    assert stat.S_IMODE((tmp_path / "mongodb").stat().st_mode) == 0o700


def test_it_ends_with_a_killed_owner_and_the_next_run_recovers(tmp_path: Path) -> None:
    owner, uri, pid = own(tmp_path)
    try:
        write(uri, 7)
        assert running_uri(tmp_path) == uri
        with pytest.raises(MongodUnavailable, match="Another fhir-server uses"):
            EmbeddedMongo(tmp_path).start()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        # At once: the former mongod is still closing its files.
        with EmbeddedMongo(tmp_path, cache_gb=0.25) as mongo:
            assert values(mongo.uri) == [7]
        await_end(pid)
    finally:
        owner.kill()
        owner.wait()
        assert owner.stdout is not None
        owner.stdout.close()


def test_it_recovers_from_its_own_kill(tmp_path: Path) -> None:
    mongo = EmbeddedMongo(tmp_path, cache_gb=0.25)
    mongo.start()
    write(mongo.uri, 3)
    assert mongo._process is not None
    mongo._process.kill()
    mongo._process.wait()
    mongo.stop()
    with EmbeddedMongo(tmp_path, cache_gb=0.25) as again:
        assert values(again.uri) == [3]


def test_a_forked_child_does_not_stop_it(tmp_path: Path) -> None:
    with EmbeddedMongo(tmp_path, cache_gb=0.25) as mongo:
        mongo._owner = -1
        mongo.stop()
        mongo._owner = os.getpid()
        write(mongo.uri, 1)


def test_a_wanted_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        taker.listen()
        with pytest.raises(MongodUnavailable, match="port is taken"):
            EmbeddedMongo(tmp_path, port=taker.getsockname()[1]).start()
    with EmbeddedMongo(tmp_path, cache_gb=0.25):
        pass


def test_a_foreign_mongod_on_the_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "STOP_SECONDS", 0.2)
    with EmbeddedMongo(tmp_path, cache_gb=0.25):
        (tmp_path / "mongodb.lock").unlink()
        with pytest.raises(MongodUnavailable, match="still uses"):
            EmbeddedMongo(tmp_path).start()


def test_a_folder_without_database_has_no_running_one(tmp_path: Path) -> None:
    assert running_uri(tmp_path / "absent") is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MongodUnavailable, match="cannot be written"):
        EmbeddedMongo(tmp_path / "file").start()


def test_a_program_that_ends_at_once_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(
        tmp_path / "path" / "mongod",
        "#!/bin/sh\necho 'mongod: error while loading shared libraries: libcurl.so.4: "
        "cannot open shared object file: No such file or directory' >&2\nexit 127\n",
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:{os.environ['PATH']}")
    with pytest.raises(MongodUnavailable, match="apt-get install libcurl4"):
        EmbeddedMongo(tmp_path / "data").start()


def test_a_mongod_that_stays_silent_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "path" / "mongod", "#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:{os.environ['PATH']}")
    monkeypatch.setattr(embedded, "START_SECONDS", 0.3)
    with pytest.raises(MongodUnavailable, match="does not answer"):
        EmbeddedMongo(tmp_path / "data").start()


def test_a_mongod_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "path" / "mongod", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:{os.environ['PATH']}")
    monkeypatch.setattr(embedded, "START_SECONDS", 0.5)
    monkeypatch.setattr(embedded, "STOP_SECONDS", 0.2)
    with pytest.raises(MongodUnavailable, match="does not answer"):
        EmbeddedMongo(tmp_path / "data").start()


def test_a_replica_set_without_primary_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmbeddedMongo, "_initiate", lambda self, client: None)
    wait = EmbeddedMongo._await_listening

    def then_be_impatient(self: EmbeddedMongo, process: subprocess.Popen[bytes]) -> int | None:
        code = wait(self, process)
        monkeypatch.setattr(embedded, "START_SECONDS", 0.1)
        return code

    monkeypatch.setattr(EmbeddedMongo, "_await_listening", then_be_impatient)
    with pytest.raises(MongodUnavailable, match="does not become primary"):
        EmbeddedMongo(tmp_path).start()


def test_a_mongod_that_ends_while_it_becomes_primary_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: EmbeddedMongo, client: object) -> None:
        raise AutoReconnect("connection closed")

    monkeypatch.setattr(EmbeddedMongo, "_initiate", fail)
    with pytest.raises(MongodUnavailable, match="does not answer: connection closed"):
        EmbeddedMongo(tmp_path).start()


def test_without_an_interpreter_to_start_it_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "absent"))
    with pytest.raises(MongodUnavailable, match="cannot be started"):
        EmbeddedMongo(tmp_path / "data").start()


def test_a_port_lost_to_another_program_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the choice of the port and the start of mongod."""
    real = embedded._free_port
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        taker.listen()
        ports = iter([taker.getsockname()[1]])
        monkeypatch.setattr(embedded, "_free_port", lambda: next(ports, None) or real())
        with EmbeddedMongo(tmp_path, cache_gb=0.25) as mongo:
            assert mongo.port != taker.getsockname()[1]


def test_a_member_that_cannot_be_renamed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedMongo(tmp_path, cache_gb=0.25):
        pass
    program(tmp_path / "path" / "mongod", "#!/bin/sh\nexit 62\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:{os.environ['PATH']}")
    with socket.create_server(("127.0.0.1", 0)) as taker:
        (tmp_path / "mongodb" / "port").write_text(str(taker.getsockname()[1]))
        with pytest.raises(MongodUnavailable, match="another version of MongoDB"):
            EmbeddedMongo(tmp_path).start()


def test_a_program_for_another_processor_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "path" / "mongod", "\x7fELF")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:{os.environ['PATH']}")
    with pytest.raises(MongodUnavailable, match="not for this processor"):
        EmbeddedMongo(tmp_path / "data").start()


def program(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_mongod_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = program(tmp_path / "mongod", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mongod(tmp_path / "copies") == given


def test_without_any_program_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mongod, "WHEELS", ("no-such-wheel", "pymongo"))
    with pytest.raises(MongodUnavailable, match=r"fhir-server-dmp\[embedded\]"):
        find_mongod(tmp_path / "copies")


def test_a_program_without_its_run_bit_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = program(tmp_path / "wheel" / "mongod", "x", 0o644)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mongod, "_program_of", lambda name: wheel)
    assert find_mongod(tmp_path / "copies") == wheel
    assert os.access(wheel, os.X_OK)


def test_a_read_only_program_is_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = program(tmp_path / "wheel" / "mongod", "x", 0o644)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mongod, "_program_of", lambda name: wheel)
    change = Path.chmod

    def refuse(path: Path, mode: int, **how: bool) -> None:
        if path == wheel:
            raise PermissionError("read-only file system")
        change(path, mode, **how)

    monkeypatch.setattr(Path, "chmod", refuse)
    copy = find_mongod(tmp_path / "copies")
    assert copy == tmp_path / "copies" / "mongod"
    assert os.access(copy, os.X_OK)
    before = copy.stat().st_mtime_ns
    assert find_mongod(tmp_path / "copies").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (127, "libssl.so.3: cannot open shared object file: No such file", "apt-get install libssl3"),
        (127, "libodd.so.9: cannot open shared object file: No such file", "missing libodd.so.9"),
        (1, "version `GLIBC_2.34' not found", "Debian 12"),
        (-4, "", "AVX"),
        (126, "[Errno 13] Permission denied", "noexec"),
        (62, "", "another version of MongoDB"),
        (100, "", "not writable"),
        (3, "", "exit code 3"),
    ],
)
def test_an_early_end_is_explained_in_one_sentence(code: int, said: str, words: str) -> None:
    sentence = explain(Path(sys.executable), code, said)
    assert words in sentence
    assert "\n" not in sentence
