# bench: heavy
"""What do oneDNN's convolutions do for a training on this processor?

Claim: a step of `best` takes at most 0.9 times as long with them as without, on a processor without
AVX-512, where TensorFlow leaves them off unless `TF_ENABLE_ONEDNN_OPTS=1` is set (`core` sets it).
With AVX-512 they are on by themselves, and the same ratio should come out.

How: a process each way, in turn, as TensorFlow reads the setting once; each trains the networks of
the presets on batches of random numbers and takes the median time of a step.

    python -m benchmarks.onednn [--quick]

Writes `benchmarks/results/onednn.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median
from typing import Any, Final

from benchmarks.common import cpu_lines, parser, start, timed, write_result

NETWORKS: Final = ("fast", "best", "katariya")
ROUNDS: Final = 3
STEPS: Final = 12


def main() -> None:
    """Time each network's step with and without, in processes of their own."""
    quick: bool = parser(__doc__).parse_args().quick
    spent: dict[str, dict[str, list[float]]] = {name: {"0": [], "1": []} for name in NETWORKS}
    for _ in range(1 if quick else ROUNDS):
        for setting in ("0", "1"):
            for name, milliseconds in measured_with(setting).items():
                spent[name][setting].append(milliseconds)
    figures = {name: summary(times["0"], times["1"]) for name, times in spent.items()}
    for name, row in figures.items():
        print(name, row)
    avx512 = any("avx512f" in line for line in cpu_lines())
    write_result("onednn", figures, quick=quick, avx512=avx512)


def measured_with(setting: str) -> dict[str, float]:
    """Milliseconds for a step of each network, in a new process with this setting."""
    done = subprocess.run(
        [sys.executable, "-c", "from benchmarks.onednn import print_steps; print_steps()"],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": setting},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def print_steps() -> None:
    """Print the median milliseconds that a training step of each network takes, as JSON."""
    print(json.dumps({name: step_milliseconds(name) for name in NETWORKS}))


def step_milliseconds(name: str) -> float:
    """The median time of a training step of a preset's network on random numbers."""
    import numpy as np

    from core.recipes.keras_model import compiled_model
    from core.recipes.presets import PRESETS

    recipe = PRESETS[name].recipe
    random = np.random.default_rng(0)
    digits = random.random((recipe.batch_size, 28, 28, 1), np.float32)
    targets = np.eye(10, dtype=np.float32)[random.integers(0, 10, recipe.batch_size)]
    model = compiled_model(recipe)
    seconds: list[float] = []
    for _ in range(STEPS + 3):
        with timed(seconds):
            model.train_on_batch(digits, targets)
    return 1000 * median(seconds[3:])


def summary(without: list[float], with_it: list[float]) -> dict[str, Any]:
    """Medians over the rounds, and their ratio."""
    return {
        "without_ms": round(median(without), 1),
        "with_ms": round(median(with_it), 1),
        "with_over_without": round(median(with_it) / median(without), 3),
    }


if __name__ == "__main__":
    start(main)
