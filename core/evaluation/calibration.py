"""How sure a network is, and whether it may be: calibration, refusing to answer, top-k accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.evaluation.comparison import wilson_interval
from core.runs.predictions import Predictions
from core.utils.text import percent_of
from core.utils.validation import read_only

BINS = 10


@dataclass(frozen=True)
class Bin:
    """The answers with a confidence above `low` and up to `high`.

    `mean`: their mean confidence; `least` and `most`: Wilson's 95 % interval of their accuracy.
    All are fractions 0 to 1; without answers (`count` 0) mean and accuracy are 0, the interval is
    0 to 1.
    """

    low: float
    high: float
    count: int
    right: int
    mean: float
    least: float
    most: float

    @property
    def accuracy(self) -> float:
        """How much of them is right, 0 to 1."""
        return self.right / self.count if self.count else 0.0

    def sentence(self) -> str:
        """What the bin says, in words."""
        span = f"{100 * self.low:.0f} to {100 * self.high:.0f} %"
        if not self.count:
            return f"No answer has a confidence of {span}."
        return (
            f"Answers with a confidence of {span} are right in "
            f"{percent_of(self.right, self.count)} of cases ({self.right:,} of {self.count:,})."
        )


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many answers have which confidence: `edges` float64 (k + 1,), counts int (k,)."""

    edges: NDArray[np.float64]
    right: NDArray[np.intp]
    wrong: NDArray[np.intp]


@dataclass(frozen=True)
class Rejection:
    """What comes of answering only when sure enough: `answered` of `n` digits, `wrong` of those."""

    n: int
    answered: int
    wrong: int

    @property
    def coverage(self) -> float:
        """How much is answered, 0 to 1."""
        return self.answered / self.n

    @property
    def error(self) -> float:
        """How much of what is answered is wrong, 0 to 1; 0 if nothing is answered."""
        return self.wrong / self.answered if self.answered else 0.0


@dataclass(frozen=True, eq=False)
class CoverageCurve:
    """For each distinct confidence as a threshold, rising: how many are answered, how many wrong.

    An answer counts if its confidence is at least the threshold. `thresholds`: float32 (k,);
    `answered` and `wrong`: int (k,); `n`: all digits.
    """

    n: int
    thresholds: NDArray[np.float32]
    answered: NDArray[np.intp]
    wrong: NDArray[np.intp]

    def at(self, threshold: float) -> Rejection:
        """What comes of any threshold, 0 to 1."""
        # As float32, so that an answer with exactly this confidence is in.
        place = int(np.searchsorted(self.thresholds, np.float32(threshold)))
        if place == len(self.thresholds):
            return Rejection(self.n, 0, 0)
        return Rejection(self.n, int(self.answered[place]), int(self.wrong[place]))


@lru_cache(maxsize=16)
def reliability(this: Predictions, bins: int = BINS) -> tuple[Bin, ...]:
    """The answers by confidence, in so many bins of equal width, each with how often it is right.

    A bin holds its upper edge, not its lower one: Guo et al., "On calibration of modern neural
    networks" (2017), section 2.
    """
    edges = _edges(bins)
    of_bin = np.searchsorted(edges[1:-1].astype(np.float32), this.confidence, side="left")
    counts = np.bincount(of_bin, minlength=bins)
    right = np.bincount(of_bin[this.correct], minlength=bins)
    sums = np.bincount(of_bin, weights=this.confidence, minlength=bins)
    found = []
    for k, (count, hits) in enumerate(zip(counts.tolist(), right.tolist(), strict=True)):
        least, most = wilson_interval(hits, count) if count else (0.0, 1.0)
        mean = float(sums[k]) / count if count else 0.0
        found.append(Bin(float(edges[k]), float(edges[k + 1]), count, hits, mean, least, most))
    return tuple(found)


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error, ECE, 0 to 1: how far confidence and accuracy lie apart.

    The mean over the bins, weighted by their answers, of the difference of the two (Naeini, Cooper
    and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015).
    """
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.accuracy - each.mean) for each in bins) / total


def calibration_sentence(this: Predictions) -> str:
    """How sure a network is on average, how often it is right, and how far these lie apart."""
    sure, right = float(np.mean(this.confidence, dtype=np.float64)), float(np.mean(this.correct))
    error = calibration_error(reliability(this))
    gap = sure - right
    # What chance alone moves the accuracy of so many digits.
    low, high = wilson_interval(int(this.correct.sum()), len(this))
    if low <= sure <= high:
        verdict = "on the whole it is as sure as it may be"
    else:
        verdict = "it is too sure" if gap > 0 else "it is right more often than it says"
    return (
        f"On average {this.name} is {100 * sure:.1f} % sure of its answers and right in "
        f"{percent_of(int(this.correct.sum()), len(this))} of cases: {verdict}. Its expected "
        f"calibration error (ECE) is {100 * error:.2g} percentage points."
    )


@lru_cache(maxsize=8)
def confidence_histogram(this: Predictions, bins: int = 20) -> Histogram:
    """How many right and how many wrong answers have which confidence, in bins of equal width."""
    edges = _edges(bins)
    of_bin = np.searchsorted(edges[1:-1].astype(np.float32), this.confidence, side="left")
    right, wrong = (
        np.bincount(of_bin[is_it], minlength=bins) for is_it in (this.correct, ~this.correct)
    )
    return Histogram(read_only(edges), read_only(right), read_only(wrong))


@lru_cache(maxsize=8)
def coverage_curve(this: Predictions) -> CoverageCurve:
    """What comes of answering only above a confidence, for every one that can be told apart."""
    thresholds, of_digit = np.unique(this.confidence, return_inverse=True)
    counts = np.bincount(of_digit, minlength=len(thresholds))
    wrong = np.bincount(of_digit[~this.correct], minlength=len(thresholds))
    answered, missed = (np.cumsum(found[::-1])[::-1] for found in (counts, wrong))
    return CoverageCurve(len(this), read_only(thresholds), read_only(answered), read_only(missed))


def coverage_sentence(this: Predictions, threshold: float) -> str:
    """What comes of it, in words. `threshold`: 0 to 1."""
    found = coverage_curve(this).at(threshold)
    mistakes = int((~this.correct).sum())
    left, caught = found.n - found.answered, mistakes - found.wrong
    asked = f"If {this.name} answers only when it is at least {100 * threshold:g} % sure, it "
    if not found.answered:
        return f"{asked}answers nothing: people would have to look at all {found.n:,} digits."
    answers = (
        f"{asked}answers {found.answered:,} of {found.n:,} digits "
        f"({percent_of(found.answered, found.n)}) and is wrong on {found.wrong:,} of them "
        f"({percent_of(found.wrong, found.answered, 2)})."
    )
    if not left:
        return f"{answers} Nothing is left for people to look at."
    digits = "1 digit" if left == 1 else f"{left:,} digits"
    return (
        f"{answers} People would have to look at {digits}, among which are {caught:,} of its "
        f"{mistakes:,} mistakes."
    )


def top_k_accuracy(this: Predictions, k: int) -> int:
    """For how many digits the label is among the k most probable answers. `k`: 1 to 10.

    Of equal probabilities the smaller digit comes first, as with the answer itself; so k = 1 counts
    the right answers.
    """
    rows = np.arange(len(this))
    labels = this.labels.astype(np.intp)
    of_truth = this.probabilities[rows, labels][:, None]
    before = np.arange(this.probabilities.shape[1]) < labels[:, None]
    ahead = (this.probabilities > of_truth) | ((this.probabilities == of_truth) & before)
    return int((ahead.sum(axis=1) < k).sum())


def _edges(bins: int) -> NDArray[np.float64]:
    return np.arange(bins + 1) / bins
