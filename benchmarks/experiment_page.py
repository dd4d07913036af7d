"""How quick is the page of an experiment of 50 runs, on the server?

Claim: the page, and any change on it, takes at most 300 ms of the server, drawing included, once
the experiment was shown (median and 95 %).

How: the page's script is run as the server runs it, by Streamlit's AppTest, whose own work counts,
too. The experiment has ten combinations (a grid of learning rates and epochs) with five seeds each;
its runs have histories of ten epochs and stored answers, and were written by hand, as only their
number and size matter. A change is another measure, another pair of settings, or other curves. The
first time, which reads 50 runs, is given by itself. A search of 50 trainings, too.

    python -m benchmarks.experiment_page [--quick]

Writes `benchmarks/results/experiment_page.json`.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common import (
    BROWSER_PACKAGES,
    median_and_p95,
    page_on_a_server,
    parser,
    start,
    timed,
    write_result,
)
from core.data import mnist
from core.experiments.experiment import Experiment, write_experiment
from core.experiments.plan import make_factor, make_plan
from core.experiments.search import make_dimension, make_search
from core.recipes.presets import FAST
from core.runs.run import StoredPredictions
from core.runs.writer import store_predictions
from tests.helpers.made_experiments import experiment, finish

EPOCHS = 10
RUNS = 50
CHANGES: list[dict[str, object]] = [
    {"experiment-measure": "test accuracy"},
    {"experiment-curve": "validation accuracy"},
    {"experiment-measure": "validation loss"},
    {"experiment-measure": "seconds"},
    {"experiment-curve": "validation loss"},
]


def finished(made: Experiment, number: int, answers: StoredPredictions) -> Experiment:
    """End a training with a history of ten epochs and with answers."""
    loss = 0.1 + 0.01 * (number % 7) + 0.001 * number
    made = finish(made, number, 10 + number % 30, loss)
    epochs = np.arange(1, EPOCHS + 1)
    losses = loss * (1 + 1 / epochs)
    columns = {"loss": losses, "accuracy": 1 - losses / 3}
    validated = {"val_loss": losses, "val_accuracy": 1 - losses / 3}
    table = pd.DataFrame({"epoch": epochs, **columns, **validated})
    table.to_csv(made.run_folder(number) / "history.csv", index=False)
    store_predictions(made.run_folder(number), {"mnist-sample": answers})
    return made


def made_experiments() -> tuple[Experiment, Experiment]:
    """A grid and a search, each of 50 runs that are over."""
    test = mnist.load("mnist-sample").test
    answers = StoredPredictions(test.labels, np.eye(10, dtype=np.float32)[test.labels])
    recipe = FAST.on("mnist-sample")
    rates = make_factor("optimizer.learning_rate", [0.001, 0.002, 0.005, 0.01, 0.02])
    grid = experiment(make_plan(recipe, [rates, make_factor("epochs", [5, 10])], 5), "grid")
    bounds = make_dimension("optimizer.learning_rate", [0.001, 0.1])
    batches = make_dimension("batch_size", [16, 256])
    values = tuple((0.001 * 1.09**number, 16 + 4 * number) for number in range(RUNS))
    search = experiment(
        make_search(recipe, [bounds, batches], runs=RUNS), "search", proposals=values
    )
    for number in range(RUNS):
        grid = finished(grid, number, answers)
        search = finished(search, number, answers)
    for made in (grid, search):
        write_experiment(made.model_copy(update={"submitted": RUNS}))
    return grid, search


def measured(made: Experiment, changes: list[dict[str, object]], rounds: int) -> dict[str, Any]:
    """The first time that an experiment is shown, and the changes after it, milliseconds."""
    first: list[float] = []
    later: list[float] = []
    with page_on_a_server("pages/train.py", experiment=made.id) as app:
        with timed(first):
            app.run()
        for _ in range(rounds):
            for change in changes:
                for name, value in change.items():
                    app.session_state[name] = value
                with timed(later):
                    app.run()
                if app.exception or f"All {RUNS} trainings" not in app.expander[0].label:
                    raise RuntimeError(f"{change}: the page is not what it should be")
    return {
        "first": round(1000 * first[0]),
        "a change": median_and_p95([1000 * seconds for seconds in later], 0),
    }


def main() -> None:
    """Make the experiments, measure, print, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    with tempfile.TemporaryDirectory() as runs:
        os.environ["DIGITSCOPE_RUNS"] = runs
        grid, search = made_experiments()
        rounds = 1 if quick else 6
        figures = {
            "grid of 50 runs, milliseconds": measured(grid, CHANGES, rounds),
            "search of 50 runs, milliseconds": measured(search, [{}] * len(CHANGES), rounds),
        }
    for name, value in figures.items():
        print(f"{name:45}{value}")
    write_result("experiment_page", figures, packages=BROWSER_PACKAGES, quick=quick)


if __name__ == "__main__":
    start(main)
