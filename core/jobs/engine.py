"""Engines: where a training runs, and the processes of this machine that do it.

An engine starts the training of a queued run, and can end it by force. Everything else between the
product and a training goes through the run folder. A training on another machine is stood for by a
process here, which keeps the folder equal to one there (`core.jobs.ray_worker`).

Of the seconds between the press on Train and the first point of the curve, most go into importing
TensorFlow. So the engine of this machine can keep a warm worker: a process that has imported it and
waits for a run. And a process that has trained a run takes over the next one that waits.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Final, Protocol

import psutil

from core import ROOT
from core.runs.locks import training_process
from core.runs.permissions import limits
from core.runs.registry import own_folder

WORKER_LOG: Final = "worker.log"
WAIT: Final = "--wait"
"""The worker's argument for a process that waits for a run."""
_WORKER: Final = "core.jobs.worker"
_RAY_WORKER: Final = "core.jobs.ray_worker"
_TERMINATION_WAIT_S: Final = 5.0
_MAX_REMEMBERED: Final = 1000
"""So many processes that have ended an engine remembers."""
_RETRY_AFTER_S: Final = 600.0
"""After a warm worker has ended by itself, so long none is started: the next would end, too."""
_SETTINGS: Final = ("DIGITSCOPE_", "KERAS_", "MNIST_NPZ", "TF_")
"""Beginnings of the variables that a training reads."""


class Engine(Protocol):
    """Where trainings run: what the scheduler asks of it."""

    def start(self, folder: Path) -> int:
        """Start the training of the run in a folder.

        Args:
            folder: of a queued run.

        Returns:
            A number by which this engine knows the process.

        Raises:
            OSError: no process can be started.
        """

    def has_ended(self, process_token: int) -> bool:
        """Whether a process is known to have ended; False for one of another server."""

    def kill(self, folder: Path) -> None:
        """End at once whatever trains the run in a folder, whoever started it."""

    def tidy(self) -> None:
        """Release what belongs to processes that have ended; called every few seconds."""


class WarmWorker:
    """A process that has imported TensorFlow, or is about to, and waits for a run.

    It ends when this one does: it waits for a line from it.
    """

    def __init__(self) -> None:
        """Start it. Raises OSError if no process can be started."""
        self._made_for = program_and_settings()
        # Its command names the folder of runs, for whoever looks at the list of processes.
        command = [sys.executable, "-m", _WORKER, WAIT, str(own_folder().resolve())]
        self.process = start_detached(command, subprocess.DEVNULL, subprocess.PIPE)

    def has_ended(self) -> bool:
        """Whether it has ended by itself or from outside."""
        return self.process.poll() is not None

    def train(self, folder: Path) -> bool:
        """Have it train the run in a folder.

        Returns:
            Whether it does: not if it has ended, or if program or settings are others by now.
        """
        pipe = self.process.stdin
        if pipe is None or self.has_ended() or self._made_for != program_and_settings():
            return False
        try:
            with pipe:
                pipe.write(json.dumps(str(folder.resolve())).encode() + b"\n")
        except OSError:  # it ended at this moment
            return False
        return True

    def end(self) -> None:
        """End it."""
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_TERMINATION_WAIT_S)
        if self.process.stdin:
            self.process.stdin.close()


def program_and_settings() -> tuple[int, frozenset[tuple[str, str]]]:
    """What a process keeps from its start: when the program was last changed, and its settings.

    One that was made for others must train nothing.
    """
    changed = max(file.stat().st_mtime_ns for file in (ROOT / "core").rglob("*.py"))
    settings = (item for item in os.environ.items() if item[0].startswith(_SETTINGS))
    return changed, frozenset(settings)


class LocalEngine:
    """Trains in processes of this machine, each in its own session: they outlive the server."""

    def __init__(self, worker: str = _WORKER) -> None:
        """Start nothing yet.

        Args:
            worker: the module that trains the run in a folder.
        """
        self._worker = worker
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self._ended: deque[int] = deque(maxlen=_MAX_REMEMBERED)
        self._warm: WarmWorker | None = None
        self._no_warm_before = 0.0
        self._is_this_process_free = False
        self._left_to_this_process: Path | None = None
        self._lock = Lock()  # every visitor's page asks

    def start(self, folder: Path) -> int:
        process_token = secrets.randbits(52)  # a process's own number may come again
        if self._is_this_process_free:
            self._is_this_process_free, self._left_to_this_process = False, folder
            return process_token
        with self._lock:
            warm, self._warm = self._warm, None
        if warm and warm.train(folder):
            process = warm.process
        else:
            if warm:
                warm.end()
            command = [sys.executable, "-m", self._worker, str(folder.resolve())]
            with (folder / WORKER_LOG).open("ab") as log:
                process = start_detached(command, log)
        with self._lock:
            self._started[process_token] = process
        return process_token

    def has_ended(self, process_token: int) -> bool:
        self.tidy()
        return process_token in self._ended

    def kill(self, folder: Path) -> None:
        process = training_process(folder)
        if process:
            with suppress(psutil.Error):  # it ended by itself, or will in a moment
                process.kill()
                process.wait(_TERMINATION_WAIT_S)
        self.tidy()

    def tidy(self) -> None:
        # A process that has ended stays in the system's table until its parent asks for it.
        with self._lock:
            ended = [
                token for token, process in self._started.items() if process.poll() is not None
            ]
            for token in ended:
                del self._started[token]
            self._ended.extend(ended)

    def offer_this_process(self) -> None:
        """Let the next `start` leave its run to this process, which has trained one before."""
        self._is_this_process_free = True

    def run_left_to_this_process(self) -> Path | None:
        """The folder of the run that this process has to train; ends the offer."""
        folder, self._left_to_this_process = self._left_to_this_process, None
        self._is_this_process_free = False
        return folder

    @property
    def has_warm_worker(self) -> bool:
        """Whether a process waits for a run, or is about to."""
        with self._lock:
            if self._warm and self._warm.has_ended():
                self._warm = None
                self._no_warm_before = time.monotonic() + _RETRY_AFTER_S
            return self._warm is not None

    def start_warm_worker(self) -> None:
        """Start a process that imports TensorFlow and waits for a run.

        Not if there is one already, or the last ended by itself a short time ago.
        """
        if self.has_warm_worker:
            return
        with self._lock, suppress(OSError):  # then the training itself will tell
            if time.monotonic() >= self._no_warm_before:
                self._warm = WarmWorker()

    def end_warm_worker(self) -> None:
        """End the process that waits, if there is one."""
        with self._lock:
            warm, self._warm = self._warm, None
        if warm:
            warm.end()


def start_detached(
    command: Sequence[str], log: IO[bytes] | int, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a program of ours in a session of its own, so that it outlives the server.

    Args:
        command: the program and its arguments.
        log: where its output goes.
        stdin: where its input comes from.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.Popen(  # noqa: S603 - our own program
        command,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdin=stdin,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


LOCAL: Final = LocalEngine()
RAY: Final = LocalEngine(_RAY_WORKER)


def this_servers_engine() -> Engine:
    """Where this server's trainings run, as `DIGITSCOPE_ENGINE` says.

    Raises:
        SettingError: a setting of this server is not valid.
    """
    return RAY if limits().engine == "ray" else LOCAL
