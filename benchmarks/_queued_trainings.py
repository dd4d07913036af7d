"""Trainings that are submitted as the page does it, in a folder of their own, and waited for."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.jobs import scheduler
from core.recipes.presets import FAST
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.run import Run


def recipe(seed: int, epochs: int) -> Recipe:
    """`fast` on the sample."""
    return FAST.on("mnist-sample").changed(seed=seed, epochs=epochs)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables, which started processes inherit, and a fresh folder of runs."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as runs:
        os.environ.update(variables, DIGITSCOPE_RUNS=runs, DIGITSCOPE_MAX_QUEUED="50")
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def wait_until(reached: Callable[[], bool], seconds: float = 600) -> None:
    """Wait, and look after the queue every two seconds, as a server does."""
    began = looked_after = time.monotonic()
    while not reached():
        now = time.monotonic()
        if now > began + seconds:
            raise RuntimeError("the trainings do not come to their end")
        if now > looked_after + 2:
            scheduler.tick()
            looked_after = now
        time.sleep(0.1)


def has_ended(run: Run) -> bool:
    """Whether a run is finished; an error if it failed."""
    info = registry.read_run(run.folder).info
    if info.status in {"failed", "stopped"}:
        raise RuntimeError(f"{run.id}: {info.error}")
    return info.status == "finished"
