"""A training on a machine of a cluster: what runs there.

The run's folder is sent there and lies in a temporary folder; what the training writes is fetched
from time to time, and commands are brought along (`core.jobs.ray_worker`). This module needs no
Ray, so that it can be tested without it, and TensorFlow only once it trains.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Final

from core.runs.messages import COMMANDS_FILE
from core.runs.mirror import FileChange, FolderChanges, apply_changes
from core.runs.registry import read_run
from core.runs.writer import ResumedWriter

_MNIST_FILE: Final = "mnist.npz"


@dataclass(frozen=True)
class RemoteNews:
    """What a training on another machine tells.

    Attributes:
        changes: in its folder, for `apply_changes`.
        asks_to_prune: whether it waits for being told if its search ends it.
    """

    changes: tuple[FileChange, ...]
    asks_to_prune: bool


class RemoteTraining:
    """Trains a run in a temporary folder, and tells what it writes there.

    `train` takes as long as the training; `exchange` is called by another thread meanwhile.
    """

    def __init__(self, run_id: str, files: Sequence[FileChange], mnist: bytes | None) -> None:
        """Make the folder.

        Args:
            run_id: of the run.
            files: of its folder, as it is where it is shown.
            mnist: the file of the full MNIST, if it is there.
        """
        self._place = tempfile.TemporaryDirectory(prefix="digitscope-")
        home = Path(self._place.name)
        self._folder = home / run_id
        self._folder.mkdir()
        apply_changes(self._folder, files)
        if mnist is not None:
            (home / _MNIST_FILE).write_bytes(mnist)
            os.environ["MNIST_NPZ"] = str(home / _MNIST_FILE)
        self._changes = FolderChanges(self._folder, lambda name: name != COMMANDS_FILE)
        self._changes.read()  # the other side has all that
        self._asks = Event()
        self._answers: SimpleQueue[bool] = SimpleQueue()

    def close(self) -> None:
        """Take the folder away."""
        self._place.cleanup()

    def train(self, max_seconds: float, max_pause_seconds: float, *, prunes: bool) -> None:
        """Train the run to its end, as `core.jobs.worker` does on the server's machine.

        Args:
            max_seconds: of training; 0: no limit.
            max_pause_seconds: of one pause.
            prunes: whether a search may end it early, for which `exchange` is asked.
        """
        writer = ResumedWriter(read_run(self._folder))
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
        apply_changes(self._folder, commands)
        if pruned is not None:
            self._asks.clear()
            self._answers.put(pruned)
        # Before the files are read: the answer rests on the history that was written before.
        asks = self._asks.is_set()
        return RemoteNews(tuple(self._changes.read()), asks)

    def _is_pruned(self) -> bool:
        self._asks.set()
        return self._answers.get()
