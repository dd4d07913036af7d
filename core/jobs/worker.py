"""The process that trains one queued run: `python -m core.jobs.worker FOLDER`.

`python -m core.jobs.worker --wait RUNS` imports TensorFlow first, and then waits for the process
that started it to write the folder of a run, as a line of JSON. If that one ends, so does this.

It reads commands and writes events through the run folder alone, so it outlives the server that
started it. At the end of a training it puts what experiments have next into the queue, and trains
the next run of the queue itself, as TensorFlow is imported already.
"""

import importlib
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from core.jobs.engine import LOCAL, WAIT, WORKER_LOG, LocalEngine, program_and_settings
from core.jobs.experiments import advance, prune_of
from core.jobs.scheduler import tick
from core.runs import registry
from core.runs.locks import is_being_trained
from core.runs.permissions import read_card
from core.runs.writer import ResumedWriter, write_info
from core.utils.errors import DigitscopeError, RunError

_NICENESS = 10
_MAX_TRAININGS = 25
"""A process ends after so many: TensorFlow keeps some 4 MB of each."""


def main(folder: Path) -> None:
    """Train the run of this folder, then what is next in the queue."""
    _give_way()
    TrainingProcess(LOCAL, _train_queued).work(folder)


def main_waiting() -> None:
    """Import what a training needs, then train the run whose folder is written to this process."""
    _give_way()
    _import_training()
    line = sys.stdin.buffer.readline()
    if line:
        folder = Path(json.loads(line))
        _print_into(folder / WORKER_LOG)
        TrainingProcess(LOCAL, _train_queued).work(folder)


class TrainingProcess:
    """This process, which trains a run, and then those whose turn it is when another has ended."""

    def __init__(self, engine: LocalEngine, train: Callable[[Path], None]) -> None:
        """Train nothing yet.

        Args:
            engine: that of the trainings that this process does.
            train: trains the queued run of a folder.
        """
        self._engine = engine
        self._train = train
        self._made_for = program_and_settings()
        self._trained = 0

    def work(self, folder: Path) -> None:
        """Train the run of a folder, and go on; whatever happens, what is next is started.

        Args:
            folder: of a queued run.
        """
        following: Path | None = folder
        while following:
            self._train_then_next(following)
            following = self._engine.run_left_to_this_process()
            if following:
                _print_into(following / WORKER_LOG)

    def _train_then_next(self, folder: Path) -> None:
        try:
            self._train_and_offer(folder)
        except DigitscopeError as error:
            # The run's folder says so too; the log is for whoever runs the server.
            logging.getLogger(__name__).error("%s: %s", folder.name, error)  # noqa: TRY400
        finally:
            try:
                advance()
            finally:
                tick()

    def _train_and_offer(self, folder: Path) -> None:
        """Train a run; unless that failed unexpectedly, the next may be left to this process."""
        self._trained += 1
        try:
            self._train(folder)
        except DigitscopeError:
            self._offer()
            raise
        self._offer()

    def _offer(self) -> None:
        if self._trained < _MAX_TRAININGS and self._made_for == program_and_settings():
            self._engine.offer_this_process()


def _import_training() -> None:
    """Import TensorFlow and what trains with it: seconds."""
    importlib.import_module("core.training.trainer")


def _print_into(file: Path) -> None:
    """Append to a file from here on what this process, TensorFlow included, prints."""
    with file.open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())


def _give_way() -> None:
    """Let the server and the browser on this machine go first.

    A training uses all cores, and pages would get a share by luck only. They need little, so a
    lower priority costs the training little.
    """
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        psutil.Process().nice(_NICENESS)


def _train_queued(folder: Path) -> None:
    """Train a queued run. Raises RunError if another process trains it already."""
    card = read_card(folder)
    run = registry.read_run(folder)
    try:
        # The lock is taken before TensorFlow's seconds, so that nobody starts a second process.
        writer = ResumedWriter(run)
    except RunError as error:
        if isinstance(error.__cause__, OSError) and not is_being_trained(folder):
            failed = {"status": "failed", "ended_by": "fault", "error": str(error)}
            write_info(folder, run.info.model_copy(update=failed))
        raise
    try:
        from core.training.callbacks import TimeLimits
        from core.training.trainer import forget_networks, resume_training
    except BaseException:
        writer.fail("TensorFlow cannot be imported here: the server's log says why.")
        writer.close()
        raise
    forget_networks()
    limits = TimeLimits(card.max_seconds, card.max_pause_seconds)
    resume_training(writer, limits=limits, prune=prune_of(run, card))


if __name__ == "__main__":
    if sys.argv[1] == WAIT:
        main_waiting()
    else:
        main(Path(sys.argv[1]))
