"""Starts a program that ends when this process ends, however it ends.

https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO

PR_SET_PDEATHSIG = 1

# Runs between fork and exec, in a fresh interpreter, because code after the fork of a process with threads
# may lock up. The kernel then sends SIGTERM to the program when its parent ends, by kill -9 too.
LAUNCH = f"""
import os, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, {int(signal.SIGTERM)}, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.stderr.write(str(error))
    sys.exit(126)
"""


def start_child(
    command: list[str], words: IO[bytes], environ: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Starts `command` (an absolute program first), what it prints goes to `words`; raises OSError.

    For PDEATHSIG the parent is the thread that forked, so a thread that lives as long as the child does it.
    """
    started: list[subprocess.Popen[bytes] | OSError] = []
    ready = threading.Event()
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCH, str(os.getpid()), *command]

    def own() -> None:
        try:
            # Its own session: Ctrl-C in the terminal reaches us alone; we stop the child in order.
            process = subprocess.Popen(  # noqa: S603 - programs of ours, found by absolute path
                launcher,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env=environ,
                start_new_session=True,
            )
        except OSError as error:
            started.append(error)
            ready.set()
            return
        started.append(process)
        ready.set()
        process.wait()

    threading.Thread(target=own, name=f"parent of {os.path.basename(command[0])}", daemon=True).start()
    ready.wait()
    if isinstance(started[0], OSError):
        raise started[0]
    return started[0]
