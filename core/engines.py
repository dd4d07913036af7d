"""Where trainings run. An engine starts the training of a queued run, and can end it by force.

Everything else between the product and a training goes through the run folder, so an engine for
other machines needs these four calls and a folder that they share.
"""

import os
import secrets
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Protocol

import psutil

ROOT = Path(__file__).resolve().parent.parent
LOG = "worker.log"
ENDING_S = 5.0
REMEMBERED = 1000


class Engine(Protocol):
    """What `core.jobs` asks of an engine."""

    def start(self, folder: Path) -> int:
        """Begin to train the run of this folder; a number by which this start is known.

        Raises OSError if that is impossible.
        """

    def has_ended(self, start: int) -> bool:
        """Whether what was started then is known to be over; False for another server's."""

    def kill(self, folder: Path) -> None:
        """End what trains this folder at once, however it was started."""

    def tidy(self) -> None:
        """Let go of what has ended; called every few seconds."""


class LocalEngine:
    """Processes on this machine, each of its own session: they outlive the server."""

    def __init__(self) -> None:
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self._ended: deque[int] = deque(maxlen=REMEMBERED)
        self._lock = Lock()  # every visitor's page asks

    def start(self, folder: Path) -> int:
        with (folder / LOG).open("ab") as log:
            process = start_apart(_command(folder), log)
        number = secrets.randbits(52)  # a process's own number may come again
        with self._lock:
            self._started[number] = process
        return number

    def has_ended(self, start: int) -> bool:
        self.tidy()
        return start in self._ended

    def kill(self, folder: Path) -> None:
        wanted = _command(folder)[1:]
        for process in psutil.process_iter(["cmdline"]):
            if (process.info["cmdline"] or [])[1:] == wanted:
                with suppress(psutil.Error):  # it ended by itself, or will in a moment
                    process.kill()
                    process.wait(ENDING_S)
        self.tidy()

    def tidy(self) -> None:
        # A process that has ended stays in the system's table until its parent asks for it.
        with self._lock:
            over = [number for number, one in self._started.items() if one.poll() is not None]
            for number in over:
                del self._started[number]
            self._ended.extend(over)


def start_apart(command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a program of ours in a session of its own, so that it outlives the server.

    Raises OSError if that is impossible.
    """
    return subprocess.Popen(  # noqa: S603 - our own program
        command,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "core.worker", str(folder.resolve())]


LOCAL: Engine = LocalEngine()
