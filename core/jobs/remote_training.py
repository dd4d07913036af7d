"""A training on a machine of a cluster: what runs there.

Where this machine sees the run's folder, as on a shared file system, it trains in that folder
(`SharedFolder`). Elsewhere the folder is sent and lies in a temporary one, and what the training
writes there is fetched from time to time (`MirroredFolder`). `core.jobs.ray_worker` is the other
side. This module needs no Ray, so that it can be tested without it, and TensorFlow only once it
trains.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Final, Protocol

from core.runs.locks import is_being_trained, read_process, take_trainer_lock
from core.runs.messages import COMMANDS_FILE
from core.runs.mirror import FileChange, FolderChanges, apply_changes
from core.runs.registry import read_run
from core.runs.writer import ResumedWriter

_MNIST_FILE: Final = "mnist.npz"
_LEASE_S: Final = 45.0
"""A process that nobody has asked for so long writes no more into a shared folder."""


def _end_process() -> None:
    os._exit(1)


@dataclass(frozen=True)
class RemoteNews:
    """What a training on another machine tells.

    Attributes:
        changes: in its folder, for `apply_changes`; none if the folder is shared.
        asks_to_prune: whether it waits for being told if its search ends it.
    """

    changes: tuple[FileChange, ...]
    asks_to_prune: bool


class TrainingFolder(Protocol):
    """The folder that a remote training reads and writes."""

    def open(self) -> ResumedWriter:
        """Take the folder over, to train in it."""
        ...

    def exchange(self, commands: Sequence[FileChange]) -> list[FileChange]:
        """Take commands, and give what has changed."""
        ...

    def close(self) -> None:
        """Leave the folder."""
        ...


class MirroredFolder:
    """A temporary folder that is made of what was sent, and tells what changes in it."""

    def __init__(self, run_id: str, files: Sequence[FileChange]) -> None:
        """Make the folder.

        Args:
            run_id: of the run.
            files: of its folder, as it is where it is shown.
        """
        self._place = tempfile.TemporaryDirectory(prefix="digitscope-")
        self._folder = Path(self._place.name) / run_id
        self._folder.mkdir()
        apply_changes(self._folder, files)
        self._changes = FolderChanges(self._folder, lambda name: name != COMMANDS_FILE)
        self._changes.read()  # the other side has all that

    def open(self) -> ResumedWriter:
        """Take the folder over, to train in it."""
        return ResumedWriter(read_run(self._folder))

    def exchange(self, commands: Sequence[FileChange]) -> list[FileChange]:
        """Take commands, and give what has changed."""
        apply_changes(self._folder, commands)
        return self._changes.read()

    def close(self) -> None:
        """Take the folder away."""
        self._place.cleanup()


class SharedFolder:
    """The run's own folder, which this machine sees.

    Two processes must never train in it. So this one holds a lock of its own there, next to that of
    the process on the server. And it ends if that process does not ask for `lease_s` seconds: it
    may count this machine as lost by then, and have the run trained on another one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lease_s: float = _LEASE_S,
        end_process: Callable[[], object] = _end_process,
    ) -> None:
        """Wait until nobody else trains there.

        Args:
            folder: of the run.
            lease_s: so long this process may write there after it was last asked.
            end_process: ends this process at once.

        Raises:
            RunError: another process goes on training there.
            OSError: the folder cannot be written.
        """
        self._folder = folder
        self._lease_s = lease_s
        self._end_process = end_process
        self._lock = take_trainer_lock(folder, 2 * lease_s)
        self._asked_at = time.monotonic()

    def open(self) -> ResumedWriter:
        """Take the folder over, to train in it, for as long as `exchange` is called."""
        self._asked_at = time.monotonic()
        Thread(target=self._watch, daemon=True).start()
        return ResumedWriter(read_run(self._folder), lock=self._lock)

    def exchange(self, commands: Sequence[FileChange]) -> list[FileChange]:
        """Nothing comes or goes: the other side sees the same files."""
        self._asked_at = time.monotonic()
        return []

    def close(self) -> None:
        """Leave the folder to others."""
        self._lock.release()

    def _watch(self) -> None:
        while self._lock.is_locked:
            if time.monotonic() - self._asked_at > self._lease_s:
                self._end_process()
            time.sleep(self._lease_s / 10)


def sees_folder(folder: Path, process: bytes) -> bool:
    """Whether this machine can train in the folder of a run that another machine holds.

    It has to see the very folder, of the same user, and the lock that the other machine's process
    holds there: a file system that does not tell of locks of other machines cannot be relied on.

    Args:
        folder: of the run, on that machine.
        process: what `read_process` gives there.
    """
    try:
        is_own = folder.stat().st_uid == os.getuid()
        is_same = read_process(folder) == process
    except (OSError, AttributeError):  # not there; or Windows, which has no such numbers
        return False
    return is_own and is_same and os.access(folder, os.W_OK) and is_being_trained(folder)


class RemoteTraining:
    """Trains a run in a folder, and tells what it writes there.

    `train` takes as long as the training; `exchange` is called by another thread meanwhile.
    """

    def __init__(self, folder: TrainingFolder, mnist: bytes | None) -> None:
        """Train nothing yet.

        Args:
            folder: to train in.
            mnist: the file of the full MNIST, if it is there.
        """
        self._folder = folder
        self._place = tempfile.TemporaryDirectory(prefix="digitscope-mnist-")
        if mnist is not None:
            file = Path(self._place.name) / _MNIST_FILE
            file.write_bytes(mnist)
            os.environ["MNIST_NPZ"] = str(file)
        self._asks = Event()
        self._answers: SimpleQueue[bool] = SimpleQueue()

    def close(self) -> None:
        """Leave the folder."""
        self._folder.close()
        self._place.cleanup()

    def train(self, max_seconds: float, max_pause_seconds: float, *, prunes: bool) -> None:
        """Train the run to its end, as `core.jobs.worker` does on the server's machine.

        Args:
            max_seconds: of training; 0: no limit.
            max_pause_seconds: of one pause.
            prunes: whether a search may end it early, for which `exchange` is asked.
        """
        writer = self._folder.open()
        try:
            from core.training.callbacks import TimeLimits
            from core.training.trainer import forget_networks, resume_training
        except BaseException:
            writer.close()
            raise
        forget_networks()
        limits = TimeLimits(max_seconds, max_pause_seconds)
        resume_training(writer, limits=limits, prune=self._is_pruned if prunes else None)

    def exchange(self, commands: Sequence[FileChange], pruned: bool | None) -> RemoteNews:
        """Take commands and tell what is new.

        Args:
            commands: changes of the file with the visitor's commands.
            pruned: the answer to the last question whether the training ends here.
        """
        if pruned is not None:
            self._asks.clear()
            self._answers.put(pruned)
        # Before the files are read: the answer rests on the history that was written before.
        asks = self._asks.is_set()
        return RemoteNews(tuple(self._folder.exchange(commands)), asks)

    def _is_pruned(self) -> bool:
        self._asks.set()
        return self._answers.get()
