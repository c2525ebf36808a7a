"""The demonstration, as a newcomer meets it: a real process, its database, its server, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from fhir_server.cli import demo as demo_command
from fhir_server.cli.loading import Failure, Tally
from fhir_server.errors import Issue
from fhir_server.settings import load_settings

PATIENTS = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    """One run of `fhir-server demo`."""

    def __init__(self, folder: Path, port: int) -> None:
        environ = {k: v for k, v in os.environ.items() if k != "MONGODB_URI"}
        environ |= {"DATA": str(folder), "PORT": str(port), "WORKERS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fhir_server.cli", "demo"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environ,
        )
        self.lines: list[str] = []

    def curl_line(self) -> str:
        """Reads what is printed up to the command to copy."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("curl "):
                return line
        pytest.fail("\n".join(self.lines))

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        out, _ = self.process.communicate(timeout=60)
        self.lines += out.splitlines()
        return self.process.returncode


def ask(curl: str, method: str = "GET", url: str = "", body: Any = None) -> Any:
    """Does what the printed curl command does."""
    words = shlex.split(curl)
    header = words[words.index("-H") + 1].partition(": ")
    headers = {header[0]: header[2], "Content-Type": "application/fhir+json"}
    content = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url or words[-1], content, headers, method=method)
    with urllib.request.urlopen(asked, timeout=30) as response:
        return json.load(response)


def password_of(demo: Demo) -> str:
    """The password that a run prints, the same at each start."""
    line = next(line for line in reversed(demo.lines) if "Log in with the password" in line)
    return line.removeprefix("Log in with the password ").removesuffix(" as")


def offspring(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_it_can_be_asked_it_keeps_what_was_written_and_leaves_nothing_running(tmp_path: Path) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}/fhir"
    demo = Demo(tmp_path, port)
    try:
        curl = demo.curl_line()
        assert any(base in line for line in demo.lines)
        assert not any("/patient" in line.split("curl")[0] for line in demo.lines)
        assert ask(curl)["resourceType"] == "Bundle"
        password = password_of(demo)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/sample-app/", timeout=30) as app:
            assert b"smart.js" in app.read()
        found = ask(curl, url=f"{base}/Patient?_summary=count")
        assert found["total"] >= PATIENTS
        ask(curl, "PUT", f"{base}/Patient/newcomer", {"resourceType": "Patient", "id": "newcomer"})
        second = Demo(tmp_path, free_port())
        assert second.end() == 1
        assert "Another fhir-server uses" in second.lines[-1]
        children = offspring(demo.process)
        assert {"mongod"} <= {child.name() for child in children}
        assert demo.stop(signal.SIGINT) == 0
        psutil.wait_procs(children, timeout=10)
        assert not [child for child in children if child.is_running()]

        demo = Demo(tmp_path, port)
        again = demo.curl_line()
        assert password_of(demo) == password
        assert ask(again, url=f"{base}/Patient/newcomer")["meta"]["versionId"] == "1"
        assert ask(again, url=f"{base}/Patient?_summary=count")["total"] == found["total"] + 1
        assert demo.stop(signal.SIGTERM) == 0
        assert demo.lines[-1] == "stopped"
    finally:
        demo.process.kill()
        demo.process.wait()


def test_killed_by_force_it_leaves_nothing_running_and_starts_again(tmp_path: Path) -> None:
    demo = Demo(tmp_path, free_port())
    try:
        demo.curl_line()
        children = offspring(demo.process)
        demo.process.kill()
        demo.end()
        _, alive = psutil.wait_procs(children, timeout=40)
        assert alive == []
    finally:
        demo.process.kill()
        demo.process.wait()


def test_the_demonstration_of_this_process(
    invoke: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = free_port()

    def stop_when_ready() -> None:
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                    break
            except OSError:
                time.sleep(0.05)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=stop_when_ready, daemon=True).start()
    result = invoke("demo", PORT=str(port), WORKERS="1")
    assert result.exit_code == 0, result.output
    assert re.search(
        rf"^curl .*Bearer [\w-]{{43,}}' 'http://127.0.0.1:{port}/fhir/Patient", result.stdout, re.M
    )
    assert result.stderr.endswith("stopped\n")
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_server_that_does_not_start_is_told_with_the_end_of_its_log(
    invoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_server(command: list[str], words: Any, environ: Any) -> Any:
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit('it broke')"], stderr=words)

    monkeypatch.setattr(demo_command, "start_child", no_server)
    result = invoke("demo", PORT=str(free_port()))
    assert result.exit_code == 1
    assert "it broke" in result.stderr


def test_refused_records_are_told(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally(
        failures=[Failure("directory.json", 1, Issue("error", "invalid", "is wrong", "Bundle.entry[3]"))]
    )
    monkeypatch.setattr(demo_command, "load_files", lambda server, files: tally)
    result = invoke("demo", PORT=str(free_port()))
    assert result.exit_code == 1
    assert "directory.json: Bundle.entry[3] is wrong" in result.stderr


def test_a_server_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stubborn(command: list[str], words: Any, environ: Any) -> Any:
        code = (
            "import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); print(1, flush=True); time.sleep(60)"
        )
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        return process

    monkeypatch.setattr(demo_command, "start_child", stubborn)
    monkeypatch.setattr(demo_command, "STOP_SECONDS", -0.8)
    settings = load_settings({"GRACEFUL_TIMEOUT_SECONDS": "1", "DATA": str(tmp_path)})
    with demo_command._running_server(settings, tmp_path / "log") as process:
        pass
    assert process.returncode == -signal.SIGKILL


def test_a_server_that_ends_by_itself_is_told(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_command, "_await_ready", lambda process, settings, log: process.terminate())
    result = invoke("demo", PORT=str(free_port()), WORKERS="1")
    assert result.exit_code == 1
    assert "the server ended by itself" in result.stderr


def test_what_is_built_is_told_with_its_logins(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    settings = load_settings({"BASE_URL": "https://dmp.example/fhir"})
    demo_command._welcome(settings, "token", "pass word", tmp_path / "log")
    said = capsys.readouterr().out
    for path in ("/sample-app/", "/auth/access", "/admin/clients"):
        assert f"https://dmp.example{path}" in said
    assert "Log in with the password pass word as" in said
    assert re.search(r"^  francoise.moreau +patient: Françoise Garcia$", said, re.MULTILINE)
    assert "professional: Dr Hélène Delmas, two activities" in said
    assert "patient: Jean-Yves Payet, two records" in said
