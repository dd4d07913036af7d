"""How long a training that waits has to wait: a sum of what is before it."""

from core.dispatch import queue, running
from core.estimate import estimate, load_speed
from core.limits import limits
from core.live import follow
from core.recipes import Recipe
from core.runs import Run


def seconds_until(run: Run) -> float | None:
    """Seconds until a run of the queue is started, if nothing is stopped; None if unknown.

    With several trainings at once, what is before it is shared among them.
    """
    before = [_seconds_left(other) for other in running()]
    for other in queue():
        if other.id == run.id:
            break
        before.append(seconds_of(other.info.recipe))
    known = [seconds for seconds in before if seconds is not None]
    if len(known) < len(before):
        return None
    return sum(known) / limits().trainings


def _seconds_left(run: Run) -> float | None:
    live = follow(run.folder)
    live.update()
    return live.seconds_left


def seconds_of(recipe: Recipe) -> float | None:
    """Seconds that a training of this recipe takes on this machine; None before it was measured."""
    speed = load_speed()
    return estimate(recipe, speed).total if speed else None
