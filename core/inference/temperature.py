"""Temperature scaling: how sure a network may be of its answers.

Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks" (2017), section 4.2. The
logits are divided by a temperature T, one number per run. T above 1 makes a network less sure, T
below 1 more sure; the answer stays the same. Networks that were trained with label smoothing are
right more often than they say, so they need T below 1. The logarithms of the probabilities serve as
logits: they differ from the logits by a constant for each digit, which the softmax cancels.

A training fits T at its end, on digits that it has neither trained on nor is tested on: those that
it validates on, and on MNIST also the sample's test digits, which are training digits of MNIST that
are left out. So what is measured on MNIST's test digits says how good T is.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.runs.predictions import check_predictions
from core.runs.run import Network, Run, StoredPredictions
from core.utils.errors import RunError

_MIN_TEMPERATURE: Final = 0.1
"""Answers with hardly a mistake would be fitted by ever lower temperatures."""
_MAX_TEMPERATURE: Final = 10.0
_MIN_FIT_DIGITS: Final = 100
"""A fit needs at least so many answers, and one of them wrong."""
_SMALLEST: Final = 1e-12


def run_temperature(run: Run) -> float:
    """The temperature that calibrates a run's network.

    It is what the training fitted. An ensemble, and a run of a version that did not fit it yet,
    take the fit on the sample's test digits; a run for which these say nothing takes the fit on
    MNIST's. Earlier epochs of the run take the same temperature.

    Args:
        run: whose temperature is asked for.

    Returns:
        `_MIN_TEMPERATURE` to `_MAX_TEMPERATURE`; 1.0 where there is nothing to fit it on.
    """
    return run.info.temperature or _fitted_temperature(Network(run))


@lru_cache(maxsize=64)
def _fitted_temperature(network: Network) -> float:
    run = network.run
    for dataset in ("mnist-sample", "mnist"):
        answers = run.predictions(dataset)
        if answers is None or not run.info.provenance.held_out(dataset):
            continue
        try:
            check_predictions(run.id, answers)
        except RunError:
            continue
        if (temperature := fit_temperature([answers])) is not None:
            return temperature
    return 1.0


def fit_temperature(answers: Iterable[StoredPredictions]) -> float | None:
    """The temperature at which the mean cross-entropy of the answers is least.

    Args:
        answers: labels and probabilities of digits, in any number of parts.

    Returns:
        `_MIN_TEMPERATURE` to `_MAX_TEMPERATURE`; None if there are fewer than `_MIN_FIT_DIGITS`
        answers or none of them is wrong, because these cannot tell how sure the network may be.
    """
    # Here, since SciPy takes a fifth of a second to import, and every page imports this module.
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    parts = list(answers)
    if sum(len(part.labels) for part in parts) < _MIN_FIT_DIGITS:
        return None
    labels = np.concatenate([part.labels for part in parts]).astype(np.intp)
    probabilities = np.concatenate([part.probabilities for part in parts])
    if (probabilities.argmax(axis=1) == labels).all():
        return None
    logits = _logits(probabilities)
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean())

    # Convex in 1 / T, so there is one minimum.
    fit = minimize_scalar(
        loss, bounds=(np.log(_MIN_TEMPERATURE), np.log(_MAX_TEMPERATURE)), method="bounded"
    )
    return float(np.exp(fit.x))


def apply_temperature(
    probabilities: NDArray[np.float32], temperature: float
) -> NDArray[np.float32]:
    """Probabilities after their logits were divided by a temperature.

    Args:
        probabilities: float32 (n, 10), rows sum to 1.
        temperature: above 0; 1 changes nothing.

    Returns:
        float32 (n, 10), rows sum to 1.

    Raises:
        ValueError: the temperature is not above 0.

    Example:
        >>> probabilities = np.array([[0.8, 0.2]], np.float32)
        >>> apply_temperature(probabilities, 2.0).round(2)
        array([[0.67, 0.33]], dtype=float32)
    """
    if not temperature > 0:
        raise ValueError(f"a temperature is above 0, not {temperature}")
    if temperature == 1.0:
        return probabilities
    from scipy.special import softmax

    return np.asarray(softmax(_logits(probabilities) / temperature, axis=1), np.float32)


def _logits(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST)))
