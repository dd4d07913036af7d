"""Two to four runs side by side: settings that differ, accuracies on the same digits, and luck.

Nothing here needs TensorFlow: it works on recipes and on stored figures and answers.

Two networks on the same digits: what one reads rightly and the other does not, and luck.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
    """The interval in which the true accuracy lies with 95 % confidence, as fractions 0 to 1.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference". Unlike
    the textbook's normal interval it stays inside 0 to 1 and is right for accuracies near 1.
    Raises ValueError unless 0 <= right <= n and n >= 1.
    """
    if not 0 <= right <= n or n < 1:
        raise ValueError(f"wilson_interval wants 0 <= right <= n and n >= 1, not {right} of {n}")
    fraction = right / n
    center = fraction + z * z / (2 * n)
    margin = z * math.sqrt(fraction * (1 - fraction) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max((center - margin) / scale, 0.0), min((center + margin) / scale, 1.0)


CONFIDENCE_LEVEL = 0.05
"""How rarely chance alone may make such a difference, for it to be called more than chance."""


@dataclass(frozen=True)
class SettingDifference:
    """A setting in words, and what it is in each recipe."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class AccuracyInterval:
    """A run's figures on test digits; `low` to `high`: its accuracy's 95 % interval, 0 to 1."""

    metrics: Metrics
    low: float
    high: float


@dataclass(frozen=True)
class AccuracyDifference:
    """Two runs, by their places, on the same digits: who alone is right, and what chance does.

    `probability`: of a split at least as uneven as this one, were both equally good.
    """

    first: int
    second: int
    only_first: int
    only_second: int
    probability: float
    level: float

    @property
    def more_than_chance(self) -> bool:
        """Whether chance would make such a difference too rarely to be believed."""
        return self.probability < self.level

    def sentence(self, names: Sequence[str]) -> str:
        """What that means, in words; `names`: of all runs, by their places."""
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
    """What is not the same in all recipes: settings, then parameters, then layers by their place.

    Where a recipe has no such layer, or the setting has no effect in it, there is a dash.
    """
    words = [describe_settings(recipe) for recipe in recipes]
    rows = [SettingDifference(name, tuple(each[name] for each in words)) for name in words[0]]
    networks = [recipe.architecture for recipe in recipes]
    rows.append(SettingDifference("Parameters", tuple(f"{each.parameters:,}" for each in networks)))
    rows += _layers(networks)
    return [row for row in rows if len(set(row.values)) > 1]


def have_same_test_digits(runs: Sequence[Run]) -> DatasetName | None:
    """The largest set of test digits on which all runs were tested; None if there is none."""
    for name in DATASETS:
        if all(name in run.info.metrics for run in runs):
            return name
    return None


def accuracy_intervals(runs: Sequence[Run], dataset: DatasetName) -> list[AccuracyInterval]:
    """Each run's figures on a dataset that all were tested on, with Wilson's 95 % interval."""
    found = [run.info.metrics[dataset] for run in runs]
    return [AccuracyInterval(each, *wilson_interval(each.n - each.wrong, each.n)) for each in found]


def differences(answers: Sequence[StoredPredictions]) -> list[AccuracyDifference]:
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
    found = []
    for first, second in pairs:
        alone = int((right[first] & ~right[second]).sum())
        other = int((right[second] & ~right[first]).sum())
        found.append(
            AccuracyDifference(
                first,
                second,
                alone,
                other,
                mcnemar_p_value(alone, other),
                CONFIDENCE_LEVEL / len(pairs),
            )
        )
    return found


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """The probability that chance alone splits the digits at least as unevenly, two-sided.

    McNemar (1947), in its exact form: the digits that only one of two equally good networks reads
    rightly fall to either side like tosses of a fair coin.
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
    """Which digits two networks, the first and the second, read differently; arrays are read-only.

    Attributes:
        fixed: the first is wrong, the second right.
        broken: the first is right, the second wrong.
        same_mistake: both are wrong, with the same answer.
        other_mistake: both are wrong, with different answers.
        difference: what McNemar's exact test says of it.
        names: of the two, for sentences.
        n: of all digits.

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
        """On how many digits exactly one of the two is right."""
        return len(self.fixed) + len(self.broken)

    def sentence(self) -> str:
        """What that means, for somebody who has not heard of the test."""
        words = self.difference.sentence(self.names)
        if not self.disagree:
            return words
        return (
            f"{words} (McNemar's exact test: between equals, each digit that only one of them "
            "reads rightly falls to either side like a tossed coin.)"
        )


@lru_cache(maxsize=8)
def compare_paired(this: Predictions, other: Predictions) -> PairedComparison:
    """Lay two networks' answers side by side, `this` as the first.

    Raises DatasetError if they are not to the same digits.
    """
    if not _same_digits(this, other):
        raise DatasetError(
            f"{this.name} and {other.name} have not answered the same digits, so they cannot be "
            "compared. Choose runs and digits that belong together."
        )
    both_wrong = ~this.correct & ~other.correct
    same = this.predicted == other.predicted
    (difference,) = differences(
        [StoredPredictions(each.labels, each.probabilities) for each in (this, other)]
    )
    return PairedComparison(
        _listed(this, ~this.correct & other.correct),
        _listed(other, this.correct & ~other.correct),
        _listed(this, both_wrong & same),
        _listed(this, both_wrong & ~same),
        difference,
        (this.name, other.name),
        len(this),
    )


def smallest_detectable_difference(disagree: int) -> int | None:
    """By how much the two counts must differ to be more than chance; None if nothing would do.

    `disagree`: on how many digits exactly one of two networks is right. It is the smallest
    difference whose two-sided probability in McNemar's exact test is below `comparing.LEVEL`.
    """
    from scipy.stats import binom  # 0.2 s: not before it is needed

    # The first count whose tail reaches half the level: one fewer is still rare enough.
    fewer = int(binom.ppf(CONFIDENCE_LEVEL / 2, disagree, 0.5)) - 1
    return disagree - 2 * fewer if fewer >= 0 else None


def detectable_difference_sentence(disagree: int) -> str:
    """The same in words."""
    if not disagree:
        return "The two are right and wrong on the very same digits: nothing tells them apart."
    found = smallest_detectable_difference(disagree)
    where = "1 digit" if disagree == 1 else f"{disagree:,} digits"
    if found is None:
        return (
            f"On {where} only one of the two is right. So few could fall in any way by chance: it "
            f"takes at least {_fewest()} of them."
        )
    return (
        f"On {where} only one of the two is right; a difference of {found:,} or more between the "
        "two counts would be more than chance."
    )


def _fewest() -> int:
    """On so few digits can two networks differ by more than chance, if all fall to one side."""
    return next(n for n in range(1, 100) if smallest_detectable_difference(n) is not None)


def _same_digits(this: Predictions, other: Predictions) -> bool:
    if this.images is other.images and this.labels is other.labels:
        return True
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = [
        (this.labels, other.labels),
        (this.images, other.images),
    ]
    return all(np.array_equal(first, second) for first, second in pairs)


def _listed(of: Predictions, which: NDArray[np.bool_]) -> Indices:
    found = most_confident_first(of, np.flatnonzero(which))
    return read_only(found)
