"""The process that trains one queued run: `python -m core.jobs.worker FOLDER`.

It reads commands and writes events through the run folder alone, so it outlives the server that
started it; at its end it puts what experiments have next into the queue,
and starts the next run of the queue itself.
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from core.jobs.experiments import advance, prune_of
from core.jobs.scheduler import tick
from core.runs import registry
from core.runs.locks import is_being_trained
from core.runs.permissions import read_card
from core.runs.writer import ResumedWriter, write_info
from core.utils.errors import DigitscopeError, RunError

_NICENESS = 10


def main(folder: Path) -> None:
    """Train the run of this folder, then start what is next in the queue."""
    _give_way()
    train_then_next(folder, _train_queued)


def train_then_next(folder: Path, train: Callable[[Path], None]) -> None:
    """Train the run of a folder, and whatever becomes of it, start what is next in the queue.

    Args:
        folder: of a queued run.
        train: trains it.
    """
    try:
        train(folder)
    except DigitscopeError as error:
        # The run's folder says so too; the log is for whoever runs the server.
        logging.getLogger(__name__).error("%s: %s", folder.name, error)  # noqa: TRY400
    finally:
        try:
            advance()
        finally:
            tick()


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
        from core.training.trainer import resume_training
    except BaseException:
        writer.fail("TensorFlow cannot be imported here: the server's log says why.")
        writer.close()
        raise
    limits = TimeLimits(card.max_seconds, card.max_pause_seconds)
    resume_training(writer, limits=limits, prune=prune_of(run, card))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
