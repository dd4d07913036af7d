"""What stored answers say about a run. Nothing here needs TensorFlow."""

import math

import numpy as np

from core.run_info import Metrics
from core.runs import Predictions

# Keras clips probabilities here before it takes the logarithm (keras.config.epsilon()).
_SMALLEST = 1e-7

UNSURE_BELOW = 0.7
"""A confidence under which an answer is shown as unsure."""


def score(answer: Predictions, *, held_out: bool) -> Metrics:
    """Count the errors and average the cross-entropy (in nats) of answers on labelled digits."""
    labels = answer.labels.astype(int)
    right = answer.probabilities.argmax(axis=1) == labels
    of_truth = answer.probabilities[np.arange(len(labels)), labels]
    loss = -np.log(np.clip(of_truth.astype(np.float64), _SMALLEST, 1)).mean()
    return Metrics(n=len(labels), wrong=int((~right).sum()), loss=float(loss), held_out=held_out)


def wilson_interval(right: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval in which the true accuracy lies with 95 % confidence, as fractions 0 to 1.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference". Unlike
    the textbook's normal interval it stays inside 0 to 1 and is right for accuracies near 1.
    Raises ValueError unless 0 <= right <= n and n >= 1.
    """
    if not 0 <= right <= n or n < 1:
        raise ValueError(f"wilson_interval wants 0 <= right <= n and n >= 1, not {right} of {n}")
    fraction = right / n
    centre = fraction + z * z / (2 * n)
    margin = z * math.sqrt(fraction * (1 - fraction) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max((centre - margin) / scale, 0.0), min((centre + margin) / scale, 1.0)
