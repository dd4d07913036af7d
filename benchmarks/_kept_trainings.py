"""Trainings of a benchmark that can be killed at any moment and go on where they were.

Each is a run folder. One that is finished is not trained again; one that was cut off goes on at its
last checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean, stdev
from typing import Any

from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.run import Run
from core.runs.writer import ResumedWriter
from core.training.trainer import resume_training, train
from core.utils.errors import RunError


def trained(recipe: Recipe, folder: Path, preset: str) -> Run:
    """The finished run of a recipe in a folder; it is trained, or trained on, if need be."""
    try:
        run = registry.read_run(folder)
    except RunError:
        return train(recipe, folder, max_epoch_bytes=0, preset=preset)
    if run.info.recipe != recipe:
        raise RunError(f"The run {run.id!r} is of another recipe: delete its folder.").at(folder)
    return finished(run)


def finished(run: Run) -> Run:
    """The run itself if it is finished; else it is trained to its end."""
    if run.info.status == "finished":
        return run
    return resume_training(ResumedWriter(run, max_epoch_bytes=0))


def is_finished(folder: Path) -> bool:
    """Whether there is a finished run in a folder."""
    try:
        info = registry.read_run(folder).info
    except RunError:
        return False
    return info.status == "finished"


def spread(values: list[float]) -> dict[str, Any]:
    """Mean, sample standard deviation, smallest and largest; a single value has no deviation."""
    return {
        "mean": round(mean(values), 5),
        "sd": round(stdev(values), 5) if len(values) > 1 else None,
        "min": round(min(values), 5),
        "max": round(max(values), 5),
        "by_seed": [round(value, 5) for value in values],
    }
