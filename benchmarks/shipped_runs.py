"""How many test digits does each shipped run read wrongly?

Claim: `best` reads at least 99.6 % of MNIST's 10,000 test digits, `fast` at least 99.0 %, and the
figures that the pages show for all nine runs are what their weights answer today.

How: each run is loaded from its `model.keras` and reads the test digits of both datasets anew; the
answers that are stored beside it (from which the pages take their figures) are then compared, count
by count. An accuracy comes with its 95 % interval (Wilson 1927), since 10,000 digits are few.

Peers, in the same run: the five rebuilt tutorials, beside the figures that their authors report.

    python -m benchmarks.shipped_runs [--quick]      (quick: the first 500 digits, nothing written)

Writes `benchmarks/results/shipped_runs.json`; ends with status 1 if a stored count differs.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from benchmarks.common import parser, start, write_result
from core.data import mnist
from core.data.mnist import DATASETS, DatasetName
from core.evaluation.comparison import wilson_interval
from core.inference.predictor import Predictor, load_predictor
from core.recipes.presets import PRESETS
from core.runs import registry
from core.runs.predictions import score_predictions
from core.runs.run import Network, Run, StoredPredictions

QUICK_DIGITS = 500


def evaluate(
    run: Run, predictor: Predictor, dataset: DatasetName, limit: int | None
) -> dict[str, Any]:
    """Fresh answers on a dataset's test digits, scored, and compared with the stored ones."""
    test = mnist.load(dataset).test.take(slice(limit))
    fresh = StoredPredictions(test.labels, predictor.probabilities(test.images))
    held_out = run.info.provenance.held_out(dataset)
    metrics = score_predictions(fresh, held_out=held_out)
    low, high = wilson_interval(metrics.n - metrics.wrong, metrics.n)
    row: dict[str, Any] = {
        "wrong": metrics.wrong,
        "n": metrics.n,
        "accuracy": round(metrics.accuracy, 6),
        "wilson_95": [round(low, 5), round(high, 5)],
        "loss": round(metrics.loss, 5),
        "held_out": held_out,
    }
    kept = run.predictions(dataset)
    if kept is None:
        return row | {"stored": "missing", "stored_same_count": False}
    stored = StoredPredictions(kept.labels[:limit], kept.probabilities[:limit])
    wrong = score_predictions(stored, held_out=held_out).wrong
    shown = run.info.metrics.get(dataset)
    same = wrong == metrics.wrong and bool(np.array_equal(stored.labels, fresh.labels))
    if limit is None:  # what run.json says, and with it the home page
        same = same and shown is not None and shown.wrong == metrics.wrong
    return row | {
        "stored_wrong": wrong,
        "stored_same_count": same,
        "stored_other_answers": int(
            (stored.probabilities.argmax(1) != fresh.probabilities.argmax(1)).sum()
        ),
        "stored_largest_difference": float(
            np.abs(stored.probabilities - fresh.probabilities).max()
        ),
    }


def describe(run: Run) -> dict[str, Any]:
    """What the run is, what its training took, and what its tutorial's author reports."""
    preset = PRESETS.get(run.id)
    tutorial = preset.tutorial if preset else None
    return {
        "tutorial": tutorial.author if tutorial else None,
        "tutorial_figure": tutorial.figure if tutorial else None,
        "parameters": run.info.recipe.architecture.parameters,
        "epochs": run.info.recipe.epochs,
        "training_seconds": run.info.seconds,
        "training_machine": run.info.machine,
        "model_sha256": run.info.model_sha256,
    }


def main() -> None:
    """Evaluate, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    limit = QUICK_DIGITS if quick else None
    figures: dict[str, dict[str, Any]] = {}
    same = True
    for name in PRESETS:
        run = registry.find_run(name)
        predictor = load_predictor(Network(run))
        figures[name] = describe(run)
        print(f"{name}: {figures[name]['parameters']:,} parameters", end="")
        print(f", trained in {run.info.seconds:,.0f} s", end="")
        print(f"; its tutorial: {figures[name]['tutorial_figure'] or 'none, it is ours'}")
        for dataset in DATASETS:
            row = evaluate(run, predictor, dataset, limit)
            figures[name][dataset] = row
            same = same and row["stored_same_count"]
            low, high = row["wilson_95"]
            print(
                f"    {dataset:13}{row['wrong']:5} wrong of {row['n']:6,} ({row['accuracy']:.2%}, "
                f"95 % interval {low:.2%} to {high:.2%}), loss {row['loss']:.4f}"
                f"{'' if row['held_out'] else ', TRAINED ON SOME OF THEM'}"
                f"{'' if row['stored_same_count'] else ', THE STORED ANSWERS DIFFER'}"
            )
    verdict = "the stored answers give the same counts" if same else "stored answers DIFFER"
    print(f"All {len(figures)} runs: {verdict}.")
    write_result("shipped_runs", figures, quick=quick, stored_answers_give_same_counts=same)
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    start(main)
