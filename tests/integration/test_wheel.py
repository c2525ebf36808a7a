"""The built wheel runs from another folder: profiles, seed data and capability statement are inside."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the hatchling of this environment: no network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in a virtual environment of its own, its dependencies borrowed from this one."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    packages = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # A line of a .pth comes after the site-packages of the wheel, and does not run the .pth files there.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    script = folder / "bin" / "fhir-server"
    script.write_text(f"#!{python}\nfrom fhir_server.cli import main\nmain()\n")
    script.chmod(0o755)
    return script


def run(program: Path, *arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "ARTEFACTS")}
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={**environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_wheel_holds_every_artefact(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    manifest = json.loads((ROOT / "seed_data" / "manifest.json").read_text("utf-8"))
    expected = {f"seed_data/{name}" for name in [*manifest["files"], "manifest.json"]}
    artefacts = [path for path in (ROOT / "profiles").rglob("*") if path.suffix in (".json", ".csv")]
    expected |= {path.relative_to(ROOT).as_posix() for path in artefacts}
    expected.add("capability_statement.json")
    assert {f"fhir_server/_artefacts/{name}" for name in expected} <= names
    assert "fhir_server/definitions/r4/structures.json" in names


def test_the_installed_program_checks_itself_and_loads_its_own_seed_data(
    program: Path, mongodb_uri: str, database_name: str, tmp_path: Path
) -> None:
    settings = {"MONGODB_URI": mongodb_uri, "MONGODB_DATABASE": database_name}
    checked = run(program, "check", folder=tmp_path, **settings)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    artefacts = program.parent.parent / "lib"
    place = next(line.split()[-1] for line in checked.stdout.splitlines() if "artefacts" in line)
    assert Path(place).is_relative_to(artefacts.resolve())
    directory = Path(place) / "seed_data" / "directory.json"
    loaded = run(program, "load", str(directory), folder=tmp_path, **settings)
    assert loaded.returncode == 0, loaded.stderr


def test_the_installed_demonstration_runs_and_stops(program: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dropped = ("PYTHONPATH", "ARTEFACTS", "MONGODB_URI")
    environ = {k: v for k, v in os.environ.items() if k not in dropped}
    demo = subprocess.Popen(
        [program, "demo"],
        cwd=tmp_path,
        env={**environ, "PORT": str(port), "WORKERS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    said = []
    for line in demo.stdout:
        said.append(line)
        if line.startswith("curl "):
            demo.terminate()
    demo.stdout.close()
    assert demo.wait(60) == 0, "".join(said)
    assert any(line.startswith("curl ") for line in said)
    assert (tmp_path / "data" / "mongodb").is_dir()
