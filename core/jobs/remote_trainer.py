"""What trains on a machine of a cluster, one run after another.

`core.jobs.ray_worker` makes a Ray actor of `RemoteTrainer`: an object that lives in a process of
its own on some machine. If the class cannot be imported there, Ray does not tell why: so this
module imports what a machine may lack in `import_packages` only.
"""

import importlib
from collections.abc import Sequence
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

    def begin(self, run_id: str, files: "Sequence[FileChange]", mnist: bytes | None) -> None:
        """Make the folder of the next run, and take away that of the one before."""
        from core.jobs.remote_training import RemoteTraining

        if self._training:
            self._training.close()
        self._training = RemoteTraining(run_id, files, mnist)

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
