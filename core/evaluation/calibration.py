"""Calibration of a network's confidence: reliability, reject option, top-k accuracy.

Everything is computed from a run's stored predictions. `core.figures.calibration_charts` draws it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.evaluation.comparison import wilson_interval
from core.runs.predictions import Predictions
from core.utils.text import percent_of
from core.utils.validation import read_only

_BINS = 10


@dataclass(frozen=True)
class ConfidenceBin:
    """The answers with a confidence above `low` and up to `high`.

    All numbers but the counts are fractions 0 to 1.

    Attributes:
        low: the lower edge of the bin, outside it.
        high: the upper edge, inside it.
        count: number of answers.
        right: number of right answers.
        mean: mean confidence; 0 without answers.
        lower: lower end of the accuracy's 95 % interval (Wilson); 0 without answers.
        upper: its upper end; 1 without answers.
    """

    low: float
    high: float
    count: int
    right: int
    mean: float
    lower: float
    upper: float

    @property
    def accuracy(self) -> float:
        """The share of right answers, 0 to 1; 0 without answers."""
        return self.right / self.count if self.count else 0.0

    def sentence(self) -> str:
        """Describe the bin in a sentence."""
        span = f"{100 * self.low:.0f} to {100 * self.high:.0f} %"
        if not self.count:
            return f"No answer has a confidence of {span}."
        return (
            f"Answers with a confidence of {span} are right in "
            f"{percent_of(self.right, self.count)} of cases ({self.right:,} of {self.count:,})."
        )


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of right and wrong answers by confidence.

    Attributes:
        edges: float64 (k + 1,), edges of the k bins, 0 to 1.
        right: int (k,), right answers in each bin.
        wrong: int (k,), wrong answers in each bin.
    """

    edges: NDArray[np.float64]
    right: NDArray[np.intp]
    wrong: NDArray[np.intp]


@dataclass(frozen=True)
class Rejection:
    """Result of a reject option: of `n` digits, `answered` are answered, `wrong` of these wrongly.

    The network answers only when its confidence reaches a threshold.
    """

    n: int
    answered: int
    wrong: int

    @property
    def coverage(self) -> float:
        """The share of digits that are answered, 0 to 1."""
        return self.answered / self.n

    @property
    def error(self) -> float:
        """The share of wrong answers among those given, 0 to 1; 0 if none is given."""
        return self.wrong / self.answered if self.answered else 0.0


@dataclass(frozen=True, eq=False)
class CoverageCurve:
    """Answers and mistakes for each distinct confidence taken as the threshold, in rising order.

    An answer counts if its confidence is at least the threshold.

    Attributes:
        n: number of digits.
        thresholds: float32 (k,), 0 to 1.
        answered: int (k,), answers given at each threshold.
        wrong: int (k,), wrong ones among them.
    """

    n: int
    thresholds: NDArray[np.float32]
    answered: NDArray[np.intp]
    wrong: NDArray[np.intp]

    def at(self, threshold: float) -> Rejection:
        """The result of any threshold, 0 to 1."""
        # As float32, so that an answer with exactly this confidence is in.
        place = int(np.searchsorted(self.thresholds, np.float32(threshold)))
        if place == len(self.thresholds):
            return Rejection(self.n, 0, 0)
        return Rejection(self.n, int(self.answered[place]), int(self.wrong[place]))


@lru_cache(maxsize=16)
def reliability(predictions: Predictions, bins: int = _BINS) -> tuple[ConfidenceBin, ...]:
    """Group the answers by confidence into bins of equal width, and measure the accuracy of each.

    A bin holds its upper edge, not its lower one: Guo et al., "On calibration of modern neural
    networks" (2017), section 2.
    """
    edges = _edges(bins)
    of_bin = np.searchsorted(edges[1:-1].astype(np.float32), predictions.confidence, side="left")
    counts = np.bincount(of_bin, minlength=bins)
    right = np.bincount(of_bin[predictions.correct], minlength=bins)
    confidence_sums = np.bincount(of_bin, weights=predictions.confidence, minlength=bins)
    reliability_bins = []
    for k, (count, hits) in enumerate(zip(counts.tolist(), right.tolist(), strict=True)):
        lower, upper = wilson_interval(hits, count) if count else (0.0, 1.0)
        mean = float(confidence_sums[k]) / count if count else 0.0
        reliability_bins.append(
            ConfidenceBin(float(edges[k]), float(edges[k + 1]), count, hits, mean, lower, upper)
        )
    return tuple(reliability_bins)


def calibration_error(bins: Sequence[ConfidenceBin]) -> float:
    """The expected calibration error (ECE), 0 to 1: the mean gap between confidence and accuracy.

    The mean over the bins, weighted by their answers, of the difference of the two (Naeini, Cooper
    and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015).

    Example:
        >>> always_sure = ConfidenceBin(0.9, 1.0, 10, 8, mean=1.0, lower=0.49, upper=0.94)
        >>> round(calibration_error([always_sure]), 3)
        0.2
    """
    total = sum(confidence_bin.count for confidence_bin in bins)
    return (
        sum(
            confidence_bin.count * abs(confidence_bin.accuracy - confidence_bin.mean)
            for confidence_bin in bins
        )
        / total
    )


def calibration_sentence(predictions: Predictions) -> str:
    """Compare a network's mean confidence with its accuracy, in words."""
    confidence, accuracy = (
        float(np.mean(predictions.confidence, dtype=np.float64)),
        float(np.mean(predictions.correct)),
    )
    error = calibration_error(reliability(predictions))
    gap = confidence - accuracy
    # What chance alone moves the accuracy of so many digits.
    right = int(predictions.correct.sum())
    low, high = wilson_interval(right, len(predictions))
    if low <= confidence <= high:
        verdict = "on the whole it is as sure as it may be"
    else:
        verdict = "it is too sure" if gap > 0 else "it is right more often than it says"
    return (
        f"On average {predictions.name} is {100 * confidence:.1f} % sure of its answers and right "
        f"in {percent_of(right, len(predictions))} of cases: {verdict}. Its expected "
        f"calibration error (ECE) is {100 * error:.2g} percentage points."
    )


@lru_cache(maxsize=8)
def confidence_histogram(predictions: Predictions, bins: int = 20) -> Histogram:
    """Count right and wrong answers by confidence, in bins of equal width."""
    edges = _edges(bins)
    of_bin = np.searchsorted(edges[1:-1].astype(np.float32), predictions.confidence, side="left")
    right, wrong = (
        np.bincount(of_bin[selected], minlength=bins)
        for selected in (predictions.correct, ~predictions.correct)
    )
    return Histogram(read_only(edges), read_only(right), read_only(wrong))


@lru_cache(maxsize=8)
def coverage_curve(predictions: Predictions) -> CoverageCurve:
    """Count answers and mistakes for every confidence that occurs, taken as a threshold."""
    thresholds, of_digit = np.unique(predictions.confidence, return_inverse=True)
    counts = np.bincount(of_digit, minlength=len(thresholds))
    wrong = np.bincount(of_digit[~predictions.correct], minlength=len(thresholds))
    answered, mistakes = (np.cumsum(per_threshold[::-1])[::-1] for per_threshold in (counts, wrong))
    return CoverageCurve(
        len(predictions), read_only(thresholds), read_only(answered), read_only(mistakes)
    )


def coverage_sentence(predictions: Predictions, threshold: float) -> str:
    """Describe the result of a confidence threshold, 0 to 1, in words."""
    rejection = coverage_curve(predictions).at(threshold)
    mistakes = int((~predictions.correct).sum())
    unanswered, caught = rejection.n - rejection.answered, mistakes - rejection.wrong
    condition = (
        f"If {predictions.name} answers only when it is at least {100 * threshold:g} % sure, it "
    )
    if not rejection.answered:
        return (
            f"{condition}answers nothing: people would have to look at all {rejection.n:,} digits."
        )
    answers = (
        f"{condition}answers {rejection.answered:,} of {rejection.n:,} digits "
        f"({percent_of(rejection.answered, rejection.n)}) and is wrong on {rejection.wrong:,} of "
        f"them ({percent_of(rejection.wrong, rejection.answered, 2)})."
    )
    if not unanswered:
        return f"{answers} Nothing is left for people to look at."
    digits = "1 digit" if unanswered == 1 else f"{unanswered:,} digits"
    return (
        f"{answers} People would have to look at {digits}, among which are {caught:,} of its "
        f"{mistakes:,} mistakes."
    )


def top_k_accuracy(predictions: Predictions, k: int) -> int:
    """Number of digits whose label is among the k most probable answers; `k`: 1 to 10.

    Of equal probabilities the smaller digit comes first, as with the answer itself; so k = 1 counts
    the right answers.
    """
    rows = np.arange(len(predictions))
    labels = predictions.labels.astype(np.intp)
    label_probabilities = predictions.probabilities[rows, labels][:, None]
    before = np.arange(predictions.probabilities.shape[1]) < labels[:, None]
    ahead = (predictions.probabilities > label_probabilities) | (
        (predictions.probabilities == label_probabilities) & before
    )
    return int((ahead.sum(axis=1) < k).sum())


def _edges(bins: int) -> NDArray[np.float64]:
    return np.arange(bins + 1) / bins
