"""Trainings of a benchmark that can be killed at any moment and go on where they were.

Each is a run folder. One that is finished is not trained again; one that was cut off goes on at its
last checkpoint. What was measured of a seed is kept in the result file for as long as the recipe
stays the same, so that a later start, on another machine even, measures only the other seeds.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.common import RESULTS
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


def recipe_digest(recipe: Recipe) -> str:
    """By which the results of a recipe are known again; the seed does not count."""
    return hashlib.sha256(recipe.changed(seed=0).model_dump_json().encode()).hexdigest()


def kept_seeds(name: str, recipe: Recipe) -> dict[str, Any]:
    """What `results/NAME.json` holds of each seed; nothing if it is of another recipe."""
    try:
        report = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    seeds: dict[str, Any] = report["seeds"] if report["recipe"] == recipe_digest(recipe) else {}
    return seeds
