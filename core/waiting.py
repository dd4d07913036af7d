"""How long a training that waits has to wait: a sum of what is before it."""

from dataclasses import replace

from core.dispatch import queue, running
from core.estimate import digits_of, estimate, load_speed
from core.limits import limits
from core.live import followed
from core.runs import Run


def seconds_until(run: Run) -> float | None:
    """Seconds until a run of the queue is started, if nothing is stopped; None if unknown.

    With several trainings at once, what is before it is shared among them. While all of them are
    paused, nobody knows.
    """
    now = running()
    if now and all(followed(other).paused for other in now):
        return None
    before = [_seconds_left(other) for other in now]
    for other in queue():
        if other.id == run.id:
            break
        before.append(seconds_of(other))
    known = [seconds for seconds in before if seconds is not None]
    if len(known) < len(before):
        return None
    return sum(known) / limits().trainings


def seconds_of(run: Run) -> float | None:
    """Seconds that a run which waits will take here; None before this machine was measured.

    Of one that goes on, only the epochs that are left count.
    """
    speed = load_speed()
    if speed is None:
        return None
    recipe, tuned = run.info.recipe, run.info.provenance.fine_tuned
    digits = digits_of(recipe)
    if tuned:  # it sees a part of the dataset
        digits = replace(digits, fitted=tuned.rehearsed + tuned.own_per_epoch, validation=0)
    it = estimate(recipe, speed, digits)
    return it.total - min(run.info.epochs_done, it.epochs) * it.epoch


def _seconds_left(run: Run) -> float | None:
    seconds = followed(run).seconds_left
    return seconds_of(run) if seconds is None else seconds  # it has only just begun
