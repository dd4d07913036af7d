"""How long does a change of a stress slider take, on the sample's 1,000 test digits?

Claim: the confusions page shows what a run makes of the changed digits, and their matrix, within
2 s of a slider's move (median and 95 %), for the slowest shipped run, `best`, and a small one,
`fast`, once the network is loaded.

How: each round another slider goes to another place, so nothing comes out of a cache; timed are
the change of the 1,000 pictures, the network's answers and the counts of the matrix, each by itself
and together, in a process that does nothing else. What the server and the browser need to show it
is not in these figures.

    python -m benchmarks.stress_update [--quick]          (quick: 6 rounds, nothing written)

Writes `benchmarks/results/stress_update.json`.
"""

from __future__ import annotations

import os

import numpy as np

from benchmarks.common import median_and_p95, parser, start, timed, write_result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from core.data.corruptions import CORRUPTIONS, NO_CORRUPTION, Corruption, corrupt, single_corruption
from core.data.statistics import split_of
from core.evaluation.confusion_matrix import confusion_counts
from core.evaluation.robustness import DATASET, corrupted_predictions
from core.inference.predictor import load_predictor
from core.runs import registry
from core.runs.run import Network

RUNS = ("best", "fast")
SEED = 1
ROUNDS, QUICK = 45, 6
WARM_UP = 2
GOAL_S = 2.0


def moves(rounds: int) -> list[Corruption]:
    """A slider after the other, each at a place drawn between its ends, no two alike."""
    chance = np.random.default_rng(SEED)
    drawn: dict[Corruption, None] = {NO_CORRUPTION: None}
    while len(drawn) <= rounds:
        kind = CORRUPTIONS[len(drawn) % len(CORRUPTIONS)]
        # Whole steps, as a slider has them.
        steps = chance.integers(0, round((kind.high - kind.low) / kind.step), endpoint=True)
        drawn[single_corruption(kind.name, kind.low + kind.step * int(steps))] = None
    return list(drawn)[1:]


def of_run(name: str, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each part, and of a whole change as the page asks for it."""
    digits = split_of(DATASET, "test")
    asked = Network(registry.find_run(name))
    network = load_predictor(asked)
    spent: dict[str, list[float]] = {"pictures": [], "answers": [], "matrix": [], "all": []}
    for turn, stress in enumerate(moves(rounds + WARM_UP)):
        if turn == WARM_UP:
            for times in spent.values():
                times.clear()
        with timed(spent["pictures"]):
            images = corrupt(digits.images, stress)
        with timed(spent["answers"]):
            answers = network.probabilities(images)
        with timed(spent["matrix"]):
            confusion_counts(digits.labels, answers.argmax(axis=1))
        with timed(spent["all"]):
            predictions = corrupted_predictions(asked, stress)
            matrix = confusion_counts(predictions.labels, predictions.predicted)
        if matrix.sum() != len(digits):
            raise RuntimeError(f"{stress}: the matrix does not hold every digit")
    return {part: median_and_p95([1000 * s for s in times], 1) for part, times in spent.items()}


def main() -> None:
    """Measure, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    figures = {name: of_run(name, QUICK if quick else ROUNDS) for name in RUNS}
    for name, parts in figures.items():
        for part, row in parts.items():
            print(f"{name:6}{part:10}{row['median']:7.1f} ms, 95 %: {row['p95']:7.1f} ms")
    worst = max(parts["all"]["p95"] for parts in figures.values()) / 1000
    print(f"within {GOAL_S:g} s: {worst < GOAL_S}")
    write_result("stress_update", figures, seed=SEED, quick=quick, digits=1000)


if __name__ == "__main__":
    start(main)
