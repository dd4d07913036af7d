"""Comparison of runs: differing settings, accuracy intervals, and McNemar's test on paired answers.

Two to four runs are compared by their recipes and their accuracies, two runs also digit by digit.
It works on recipes and stored predictions, and needs no TensorFlow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.mnist import DATASETS, DatasetName
from core.evaluation.confusion_matrix import most_confident_first
from core.recipes.architecture import Architecture
from core.recipes.descriptions import NO_SETTINGS, describe_layer, describe_settings
from core.recipes.recipe import Recipe
from core.runs.predictions import Predictions
from core.runs.run import Metrics, Run, StoredPredictions
from core.utils.errors import DatasetError
from core.utils.text import p_value
from core.utils.validation import read_only


def wilson_interval(right: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of an accuracy, at 95 % confidence, as fractions 0 to 1.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference". Unlike
    the textbook's normal interval it stays inside 0 to 1 and is right for accuracies near 1.

    Args:
        right: number of right answers, 0 to `n`.
        n: number of answers, from 1.
        z: quantile of the normal distribution; the default gives 95 %.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: unless 0 <= right <= n and n >= 1.

    Example:
        >>> low, high = wilson_interval(990, 1000)
        >>> f"{low:.3f} to {high:.3f}"
        '0.982 to 0.995'
    """
    if not 0 <= right <= n or n < 1:
        raise ValueError(f"wilson_interval wants 0 <= right <= n and n >= 1, not {right} of {n}")
    fraction = right / n
    center = fraction + z * z / (2 * n)
    margin = z * math.sqrt(fraction * (1 - fraction) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max((center - margin) / scale, 0.0), min((center + margin) / scale, 1.0)


CONFIDENCE_LEVEL = 0.05
"""Significance level of all tests: below it, a difference is called more than chance."""


@dataclass(frozen=True)
class SettingDifference:
    """A setting by its name, and its value in each recipe, as text."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class AccuracyInterval:
    """A run's metrics on test digits; `low` to `high`: its accuracy's 95 % interval, 0 to 1."""

    metrics: Metrics
    low: float
    high: float


@dataclass(frozen=True)
class AccuracyDifference:
    """McNemar's test of two runs on the same digits.

    Attributes:
        first: position of the first run among those compared.
        second: position of the second run.
        only_first: number of digits that only the first run reads rightly.
        only_second: number of digits that only the second run reads rightly.
        probability: two-sided p-value, 0 to 1.
        level: significance level that the p-value is compared with, 0 to 1.
    """

    first: int
    second: int
    only_first: int
    only_second: int
    probability: float
    level: float

    def corrected(self, tests: int) -> "AccuracyDifference":
        """The same test as one of several: the level is divided by their number (Bonferroni)."""
        return replace(self, level=self.level / tests)

    @property
    def more_than_chance(self) -> bool:
        """Whether the difference is significant at its level."""
        return self.probability < self.level

    def sentence(self, names: Sequence[str]) -> str:
        """Describe the result in words; `names`: those of all runs, in order."""
        first, second = names[self.first], names[self.second]
        if not self.only_first + self.only_second:
            return f"{first} and {second} are wrong on the very same digits."
        verdict = "more than chance" if self.more_than_chance else "perhaps only chance"
        return (
            f"{self.only_first:,} of the digits are read rightly by {first} alone, "
            f"{self.only_second:,} by {second} alone. Were both equally good, chance would split "
            f"them so unevenly in {p_value(self.probability)} of cases: the difference is "
            f"{verdict}."
        )


def differing_settings(recipes: Sequence[Recipe]) -> list[SettingDifference]:
    """List what differs between recipes: settings, then parameters, then layers by position.

    Where a recipe has no such layer, or the setting has no effect in it, there is a dash.
    """
    words = [describe_settings(recipe) for recipe in recipes]
    rows = [
        SettingDifference(name, tuple(settings[name] for settings in words)) for name in words[0]
    ]
    networks = [recipe.architecture for recipe in recipes]
    rows.append(
        SettingDifference("Parameters", tuple(f"{settings.parameters:,}" for settings in networks))
    )
    rows += _layers(networks)
    return [row for row in rows if len(set(row.values)) > 1]


def common_test_dataset(runs: Sequence[Run]) -> DatasetName | None:
    """The largest set of test digits on which all runs were tested; None if there is none."""
    for name in DATASETS:
        if all(name in run.info.metrics for run in runs):
            return name
    return None


def accuracy_intervals(runs: Sequence[Run], dataset: DatasetName) -> list[AccuracyInterval]:
    """Each run's figures on a dataset that all were tested on, with Wilson's 95 % interval."""
    metrics = [run.info.metrics[dataset] for run in runs]
    return [
        AccuracyInterval(
            run_metrics, *wilson_interval(run_metrics.n - run_metrics.wrong, run_metrics.n)
        )
        for run_metrics in metrics
    ]


def accuracy_differences(answers: Sequence[StoredPredictions]) -> list[AccuracyDifference]:
    """Every pair of answers to the same digits, by McNemar's exact test.

    With more than two runs, one pair among several looks different by luck more easily: each is
    held to the level divided by the number of pairs (Bonferroni). Raises ValueError if the answers
    are not to the same digits.
    """
    labels = answers[0].labels
    if any(
        len(each.labels) != len(labels) or (each.labels != labels).any() for each in answers[1:]
    ):
        raise ValueError("the answers are to different digits")
    right = [each.probabilities.argmax(axis=1) == labels for each in answers]
    pairs = list(combinations(range(len(answers)), 2))
    tests = []
    for first, second in pairs:
        alone = int((right[first] & ~right[second]).sum())
        other = int((right[second] & ~right[first]).sum())
        tests.append(
            AccuracyDifference(
                first,
                second,
                alone,
                other,
                mcnemar_p_value(alone, other),
                CONFIDENCE_LEVEL / len(pairs),
            )
        )
    return tests


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """The two-sided p-value of McNemar's exact test; 1 if both counts are 0.

    McNemar (1947), in its exact form: the digits that only one of two equally good networks reads
    rightly fall to either side like tosses of a fair coin.

    Example:
        >>> mcnemar_p_value(5, 5)
        1.0
        >>> mcnemar_p_value(0, 5)
        0.0625
    """
    from scipy.stats import binomtest  # 0.2 s: not before it is needed

    tosses = only_first + only_second
    return float(binomtest(only_first, tosses).pvalue) if tosses else 1.0


def _layers(networks: Sequence[Architecture]) -> list[SettingDifference]:
    columns = [[describe_layer(layer) for layer in each.layers] for each in networks]
    rows = zip_longest(*columns, fillvalue=NO_SETTINGS)
    return [SettingDifference(f"Layer {number}", values) for number, values in enumerate(rows, 1)]


Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class PairedComparison:
    """The digits that two networks, the first and the second, read differently; read-only arrays.

    Attributes:
        fixed: the first is wrong, the second right.
        broken: the first is right, the second wrong.
        same_mistake: both are wrong, with the same answer.
        other_mistake: both are wrong, with different answers.
        difference: the result of McNemar's exact test.
        names: the names of the two networks.
        n: number of all digits.

    All are indices, the surest mistake first: that of the first network, in `broken` the second's.
    """

    fixed: Indices
    broken: Indices
    same_mistake: Indices
    other_mistake: Indices
    difference: AccuracyDifference
    names: tuple[str, str]
    n: int

    @property
    def disagree(self) -> int:
        """Number of digits that exactly one of the two reads rightly."""
        return len(self.fixed) + len(self.broken)

    def sentence(self) -> str:
        """Describe the result for a reader who does not know the test."""
        words = self.difference.sentence(self.names)
        if not self.disagree:
            return words
        return (
            f"{words} (McNemar's exact test: between equals, each digit that only one of them "
            "reads rightly falls to either side like a tossed coin.)"
        )


@lru_cache(maxsize=8)
def compare_paired(first: Predictions, second: Predictions) -> PairedComparison:
    """Compare two networks' answers digit by digit.

    Raises:
        DatasetError: the answers are not to the same digits.
    """
    if not _same_digits(first, second):
        raise DatasetError(
            f"{first.name} and {second.name} have not answered the same digits, so they cannot be "
            "compared. Choose runs and digits that belong together."
        )
    both_wrong = ~first.correct & ~second.correct
    same = first.predicted == second.predicted
    (difference,) = accuracy_differences(
        [StoredPredictions(each.labels, each.probabilities) for each in (first, second)]
    )
    return PairedComparison(
        _listed(first, ~first.correct & second.correct),
        _listed(second, first.correct & ~second.correct),
        _listed(first, both_wrong & same),
        _listed(first, both_wrong & ~same),
        difference,
        (first.name, second.name),
        len(first),
    )


def smallest_detectable_difference(disagree: int) -> int | None:
    """The smallest significant difference of the two counts; None if no difference would do.

    `disagree`: number of digits that exactly one of two networks reads rightly. The difference is
    significant if the p-value of McNemar's exact test is below `CONFIDENCE_LEVEL`.
    """
    from scipy.stats import binom  # 0.2 s: not before it is needed

    # The first count whose tail reaches half the level: one fewer is still rare enough.
    fewer = int(binom.ppf(CONFIDENCE_LEVEL / 2, disagree, 0.5)) - 1
    return disagree - 2 * fewer if fewer >= 0 else None


def detectable_difference_sentence(disagree: int) -> str:
    """Describe the smallest significant difference in words."""
    if not disagree:
        return "The two are right and wrong on the very same digits: nothing tells them apart."
    smallest = smallest_detectable_difference(disagree)
    where = "1 digit" if disagree == 1 else f"{disagree:,} digits"
    if smallest is None:
        return (
            f"On {where} only one of the two is right. So few could fall in any way by chance: it "
            f"takes at least {_fewest()} of them."
        )
    return (
        f"On {where} only one of the two is right; a difference of {smallest:,} or more between "
        "the two counts would be more than chance."
    )


def _fewest() -> int:
    """On so few digits can two networks differ by more than chance, if all fall to one side."""
    return next(n for n in range(1, 100) if smallest_detectable_difference(n) is not None)


def _same_digits(first: Predictions, second: Predictions) -> bool:
    if first.images is second.images and first.labels is second.labels:
        return True
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = [
        (first.labels, second.labels),
        (first.images, second.images),
    ]
    return all(np.array_equal(left, right) for left, right in pairs)


def _listed(predictions: Predictions, mask: NDArray[np.bool_]) -> Indices:
    indices = most_confident_first(predictions, np.flatnonzero(mask))
    return read_only(indices)
