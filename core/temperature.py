"""Calibrated confidence: one number a run, fitted on its test answers, mends how sure it is.

Temperature scaling: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks"
(2017), section 4.2. The logits are divided by a temperature T; above 1 it makes a network less
sure, below 1 surer. The answer stays what it was. Networks that were trained with label smoothing
are right more often than they say: T below 1 is what they need.

The logarithms of the stored probabilities serve as logits: they differ from them by a constant for
each digit, which the softmax does not see.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from core.answered import check
from core.errors import RunError
from core.runs import Network, Predictions, Run

COLDEST: Final = 0.1
HOTTEST: Final = 10.0
"""Answers without a mistake would ask for ever colder ones."""
FEWEST: Final = 100
"""So many answers, at least one of them wrong, must be stored for a fit."""
_SMALLEST: Final = 1e-12


def temperature_of(run: Run) -> float:
    """The temperature that calibrates a run's network, fitted once for each.

    Fitted on its answers on MNIST's test digits, else on the sample's, if these were kept out of
    its training. Earlier epochs of the run take the same.

    Args:
        run: whose answers it is fitted on.

    Returns:
        `COLDEST` to `HOTTEST`; 1.0 where there is nothing to fit it on.
    """
    return _fitted(Network(run))


@lru_cache(maxsize=64)
def _fitted(network: Network) -> float:
    run = network.run
    for dataset in ("mnist", "mnist-sample"):
        answers = run.predictions(dataset)
        if answers is None or not run.info.provenance.held_out(dataset):
            continue
        try:
            check(run.id, answers)
        except RunError:
            continue
        return best_temperature(answers)
    return 1.0


def best_temperature(answers: Predictions) -> float:
    """The temperature at which the answers' mean cross-entropy is least.

    1.0 if they are fewer than `FEWEST` or none of them is wrong: how sure a network may be cannot
    be told from those.
    """
    labels = answers.labels.astype(np.intp)
    if len(labels) < FEWEST or (answers.probabilities.argmax(axis=1) == labels).all():
        return 1.0
    logits = _logits(answers.probabilities)
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean())

    # Convex in 1 / T, so there is one minimum.
    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def tempered(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities, float32 (n, 10) with rows that sum to 1, as they are at a temperature above 0.

    Raises ValueError for a temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature is above 0, not {temperature}")
    if temperature == 1.0:
        return probabilities
    return np.asarray(softmax(_logits(probabilities) / temperature, axis=1), np.float32)


def _logits(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST)))
