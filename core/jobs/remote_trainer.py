"""What trains on a machine of a cluster, one run after another.

`core.jobs.ray_worker` makes a Ray actor of `RemoteTrainer`: an object that lives in a process of
its own on some machine. If the class cannot be imported there, Ray does not tell why: so this
module imports what a machine may lack in `import_packages` only.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.jobs.remote_training import RemoteNews, RemoteTraining
    from core.runs.mirror import FileChange


class RemoteTrainer:
    """Trains runs, one after the other: after `begin`, all is as in `RemoteTraining`."""

    def __init__(self) -> None:
        self._training: RemoteTraining | None = None

    def import_packages(self) -> None:
        """Import what `begin` needs. Raises ImportError if this machine lacks a package."""
        importlib.import_module("core.jobs.remote_training")

    def sees_folder(self, folder: Path, process: bytes) -> bool:
        """Whether this machine can train in a folder that a process of another one holds."""
        from core.jobs.remote_training import sees_folder

        return sees_folder(folder, process)

    def begin(
        self, folder: Path, files: "Sequence[FileChange] | None", mnist: bytes | None
    ) -> None:
        """Make ready for the next run, and leave the folder of the one before.

        Args:
            folder: of the run.
            files: what is in it; None if this machine sees it.
            mnist: the file of the full MNIST, if it is there.
        """
        from core.jobs.remote_training import MirroredFolder, RemoteTraining, SharedFolder

        if self._training:
            self._training.close()
            self._training = None
        place = SharedFolder(folder) if files is None else MirroredFolder(folder.name, files)
        self._training = RemoteTraining(place, mnist)

    def train(self, max_seconds: float, max_pause_seconds: float, *, prunes: bool) -> None:
        """Train the run to its end."""
        self._begun().train(max_seconds, max_pause_seconds, prunes=prunes)

    def exchange(self, commands: "Sequence[FileChange]", pruned: bool | None) -> "RemoteNews":
        """Take commands and tell what is new."""
        return self._begun().exchange(commands, pruned)

    def _begun(self) -> "RemoteTraining":
        if self._training is None:
            raise RuntimeError("no training was begun")
        return self._training
