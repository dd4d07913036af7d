"""Where trainings run. An engine starts the training of a queued run, and can end it by force.

Everything else between the product and a training goes through the run folder, so an engine for
other machines needs these three calls and a folder that they share.
"""

import os
import subprocess
import sys
from pathlib import Path
from threading import Lock
from typing import Protocol

import psutil

ROOT = Path(__file__).resolve().parent.parent
LOG = "worker.log"
ENDING_S = 5.0


class Engine(Protocol):
    """What `core.jobs` asks of an engine."""

    def start(self, folder: Path) -> None:
        """Begin to train the run of this folder. Raises OSError if that is impossible."""

    def has_ended(self, folder: Path) -> bool:
        """Whether what was started for this folder is known to be over."""

    def kill(self, folder: Path) -> None:
        """End what trains this folder at once, however it was started."""

    def tidy(self) -> None:
        """Let go of what has ended; called every few seconds."""


class LocalEngine:
    """Processes on this machine, each of its own session: they outlive the server."""

    def __init__(self) -> None:
        self._alive: list[tuple[Path, subprocess.Popen[bytes]]] = []
        self._ended: set[Path] = set()
        self._lock = Lock()  # every visitor's page asks

    def start(self, folder: Path) -> None:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        with (folder / LOG).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program
                _command(folder),
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        with self._lock:
            self._alive.append((folder, process))
            self._ended.discard(folder)

    def has_ended(self, folder: Path) -> bool:
        self.tidy()
        return folder in self._ended

    def kill(self, folder: Path) -> None:
        wanted = _command(folder)[1:]
        for process in psutil.process_iter(["cmdline"]):
            if (process.info["cmdline"] or [])[1:] == wanted:
                process.kill()
                process.wait(ENDING_S)
        self.tidy()

    def tidy(self) -> None:
        # A process that has ended stays in the system's table until its parent asks for it.
        with self._lock:
            self._ended |= {folder for folder, one in self._alive if one.poll() is not None}
            self._alive = [pair for pair in self._alive if pair[1].returncode is None]
            self._ended -= {folder for folder, _ in self._alive}


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "core.worker", str(folder.resolve())]


LOCAL: Engine = LocalEngine()
