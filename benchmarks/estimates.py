# bench: heavy
"""How close is the estimate of a training's time to the training itself?

Claim: for every preset the estimate is within a factor of 1.5 of the real time, an epoch on the
full MNIST, an epoch on the sample, and a whole training of five epochs on the sample.

How: the machine is measured as the app does it (`python -m core.jobs.speed_benchmark`, once,
beforehand). Then every preset is really trained:

- on the sample for five epochs, on the command line: the median of the later four, and all from the
  start of the process to the finished run;
- on the full MNIST for some seconds only, then stopped: an epoch of the heaviest preset takes more
  than a minute. The seconds of a step come from the events, without the first group, which pays for
  tracing. An epoch's time is extrapolated: steps, and what `Model.evaluate` takes for 3,000 of its
  validation digits. What keeping the weights takes is too little to matter there.

The machine should do nothing else: both sides suffer from company, but not at the same moment.

    python -m benchmarks.estimates [--presets fast best]

Writes `benchmarks/results/estimates.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import parser, start, write_result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from core.data import mnist
from core.jobs.time_estimate import MachineSpeed, estimate_time, load_speed
from core.recipes.keras_model import compiled_model
from core.recipes.presets import PRESETS, find_preset
from core.recipes.recipe import Recipe
from core.runs.messages import EpochEnded, Event, Progress, event_from_line
from core.training.callbacks import StopTraining
from core.training.input_pipeline import evaluation_batches
from core.training.trainer import split_validation, train

GROUPS_S = 8.0
VALIDATED = 3000


def main() -> None:
    """Measure the machine, train every preset, print a table, write the result."""
    made = parser(__doc__)
    made.add_argument("--presets", nargs="+", default=list(PRESETS))
    asked = made.parse_args()
    mnist.load("mnist")  # says what to do if it is not there
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        speed = _measured(Path(folder))
        measuring_s = time.monotonic() - began
        names = asked.presets[:1] if asked.quick else asked.presets
        print(f"measuring the machine took {measuring_s:.1f} s")
        figures = {
            name: _compare(find_preset(name).recipe, speed, Path(folder), name) for name in names
        }
    ratios = [pair["ratio"] for pairs in figures.values() for pair in pairs.values()]
    largest = max(max(ratio, 1 / ratio) for ratio in ratios)
    print(f"the largest factor is {largest:.2f}")
    write_result(
        "estimates",
        figures,
        quick=asked.quick,
        measuring_s=round(measuring_s, 1),
        largest_factor=round(largest, 3),
        speed=speed.model_dump(mode="json", exclude={"machine"}),
    )


def _measured(folder: Path) -> MachineSpeed:
    """The machine's speed, measured now and kept in a folder of its own."""
    os.environ["DIGITSCOPE_RUNS"] = str(folder)
    subprocess.run([sys.executable, "-m", "core.jobs.speed_benchmark"], check=True)
    speed = load_speed()
    assert speed is not None, "core.jobs.speed_benchmark has left no measurement"
    return speed


def _compare(
    recipe: Recipe, speed: MachineSpeed, folder: Path, name: str
) -> dict[str, dict[str, float]]:
    sample = recipe.changed(dataset="mnist-sample", epochs=5)
    epoch_s, total_s = _on_sample(sample, folder / f"{name}-sample")
    guess = estimate_time(sample, speed)
    guessed_full = estimate_time(recipe.changed(dataset="mnist"), speed).epoch
    pairs = {
        "epoch_mnist": _pair(guessed_full, _epoch_on_mnist(recipe, folder / f"{name}-full")),
        "epoch_sample": _pair(guess.epoch, epoch_s),
        "training_sample": _pair(guess.total, total_s),
    }
    texts = [
        f"{part} {pair['estimated_s']:.2f} for {pair['real_s']:.2f} s ({pair['ratio']:.2f})"
        for part, pair in pairs.items()
    ]
    print(f"{name:<10}", "; ".join(texts))
    return pairs


def _pair(estimated: float, real: float) -> dict[str, float]:
    return {
        "estimated_s": round(estimated, 3),
        "real_s": round(real, 3),
        "ratio": round(estimated / real, 3),
    }


def _on_sample(recipe: Recipe, folder: Path) -> tuple[float, float]:
    """Seconds of an epoch but the first, and of the whole training, in a process of its own."""
    file = folder.with_suffix(".json")
    file.write_text(recipe.to_json(), encoding="utf-8")
    command = [sys.executable, "-m", "core", "train", "--recipe", str(file), "--out", str(folder)]
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    total = time.monotonic() - began
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    told = [event_from_line(json.loads(line)) for line in lines]
    ends = [event.time for event in told if isinstance(event, EpochEnded)]
    return median(b - a for a, b in pairwise(ends)), total


def _epoch_on_mnist(recipe: Recipe, folder: Path) -> float:
    """Seconds of an epoch, from some of its steps and validation digits."""
    recipe = recipe.changed(dataset="mnist")
    digits = mnist.training_split("mnist", exclude_sample_test=recipe.exclude_sample_test)
    fitted, validation = split_validation(digits, recipe)
    steps = recipe.steps_per_epoch(len(fitted))
    seconds = steps * _step_seconds(recipe, folder)
    if validation:
        part = validation.take(slice(VALIDATED))
        seconds += len(validation) / len(part) * _evaluation_seconds(recipe, part)
    return seconds


def _step_seconds(recipe: Recipe, folder: Path) -> float:
    told: list[tuple[float, int]] = []

    def note(event: Event) -> None:
        if isinstance(event, Progress):
            told.append((time.monotonic(), event.step))
            if told[-1][0] - told[0][0] > GROUPS_S:
                raise StopTraining

    train(recipe, folder, note)
    groups = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(told) if b[1] > a[1]]
    return sum(seconds for seconds, _ in groups) / sum(steps for _, steps in groups)


def _evaluation_seconds(recipe: Recipe, split: Any) -> float:
    """Seconds of `Model.evaluate`, its first time (tracing) left out."""
    model = compiled_model(recipe)
    batches = evaluation_batches(split, recipe)
    model.evaluate(batches, verbose=0)
    began = time.monotonic()
    model.evaluate(batches, verbose=0)
    return time.monotonic() - began


if __name__ == "__main__":
    start(main)
