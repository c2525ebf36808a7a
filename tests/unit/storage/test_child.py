"""A child ends with its parent, and says why it did not begin."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from fhir_server.storage import child
from fhir_server.storage.child import start_child

PARENT = """
import sys, threading, time
from fhir_server.storage.child import start_child
with open(sys.argv[1], "wb") as words:
    started = []
    thread = threading.Thread(target=lambda: started.append(start_child(["/bin/sleep", "600"], words)))
    thread.start()
    thread.join()
    print(started[0].pid, flush=True)
    time.sleep(600)
"""


def test_what_it_prints_is_kept_and_its_exit_code_known(tmp_path: Path) -> None:
    with (tmp_path / "words").open("wb") as words:
        process = start_child(["/bin/sh", "-c", "echo $WORD; exit 3"], words, {"WORD": "hello"})
        assert process.wait(10) == 3
    assert (tmp_path / "words").read_text() == "hello\n"


@pytest.mark.parametrize("content", [None, "\x7fELF"])
def test_a_program_that_cannot_run_is_told(tmp_path: Path, content: str | None) -> None:
    program = tmp_path / "program"
    if content is not None:
        program.write_text(content)
        program.chmod(0o755)
    with (tmp_path / "words").open("wb") as words:
        assert start_child([str(program)], words).wait(10) == 126
    assert "Errno" in (tmp_path / "words").read_text()


def test_without_an_interpreter_the_reason_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child.sys, "executable", str(tmp_path / "absent"))
    with (tmp_path / "words").open("wb") as words, pytest.raises(FileNotFoundError):
        start_child(["/bin/true"], words)


def test_it_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    started: list[subprocess.Popen[bytes]] = []
    with (tmp_path / "words").open("wb") as words:
        thread = threading.Thread(target=lambda: started.append(start_child(["/bin/sleep", "60"], words)))
        thread.start()
        thread.join()
    time.sleep(0.3)
    assert started[0].poll() is None
    started[0].kill()


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "words")], stdout=subprocess.PIPE, env=os.environ
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    sleeping = psutil.Process(pid)
    parent.kill()
    parent.communicate()
    sleeping.wait(10)
