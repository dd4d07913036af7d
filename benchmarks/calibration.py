"""How well does each shipped run's confidence agree with its accuracy, calibrated and not?

Claim: after calibration the expected calibration error (ECE, ten bins) is at most 0.3 percentage
points. The temperature is the one that the training fitted, on validation digits and on those of
MNIST's training digits that it leaves out (`core.inference.temperature`), never on test digits.

How: each run's stored answers to MNIST's 10,000 test digits, which `benchmarks.shipped_runs` and a
test compare with what its network answers today; their ECE as they are, calibrated as the app shows
them, and, for comparison, with the temperature that would suit the test digits themselves. The last
shows how much of the error is the choice of temperature, and how much no temperature removes.

    python -m benchmarks.calibration

Writes `benchmarks/results/calibration.json`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from benchmarks.common import parser, start, write_result
from core.evaluation.calibration import calibration_error, reliability
from core.inference.temperature import apply_temperature, fit_temperature, run_temperature
from core.recipes.presets import PRESETS
from core.runs import registry
from core.runs.predictions import Predictions
from core.runs.run import Network, Run, StoredPredictions

WANTED: Final = 0.003


def main() -> None:
    """Print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    figures = {name: measure(registry.find_run(name)) for name in PRESETS}
    for name, row in figures.items():
        print(f"{name}: {row}")
    within = [name for name, row in figures.items() if row["ece_calibrated"] <= WANTED]
    print(f"{len(within)} of {len(figures)} runs are within {100 * WANTED:g} percentage points")
    write_result("calibration", figures, quick=quick, wanted=WANTED, within=within)


def measure(run: Run) -> dict[str, Any]:
    """A run's ECE as its network answers, as the app shows it, and at the best temperature."""
    answers = run.predictions("mnist")
    assert answers is not None, f"{run.id} was not tested on MNIST"
    temperature, ideal = run_temperature(run), fit_temperature([answers])
    assert ideal is not None, f"{run.id} made no mistake"

    def error(by: float) -> float:
        changed = apply_temperature(answers.probabilities, by)
        return round(expected_error(run, StoredPredictions(answers.labels, changed)), 5)

    return {
        "temperature": round(temperature, 4),
        "ideal_temperature": round(ideal, 4),
        "ece_as_it_is": error(1.0),
        "ece_calibrated": error(temperature),
        "ece_at_ideal_temperature": error(ideal),
    }


def expected_error(run: Run, answers: StoredPredictions) -> float:
    """The ECE of answers to the test digits."""
    images = np.zeros((len(answers.labels), 28, 28), np.uint8)  # it depends on the answers alone
    predictions = Predictions(
        Network(run), "mnist", images, answers.labels, answers.probabilities, True
    )
    return calibration_error(reliability(predictions))


if __name__ == "__main__":
    start(main)
