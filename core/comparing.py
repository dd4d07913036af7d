"""Two to four runs side by side: settings that differ, accuracies on the same digits, and luck.

Nothing here needs TensorFlow: it works on recipes and on stored figures and answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest

from core.architectures import Architecture
from core.datasets import DATASETS, DatasetName
from core.evaluation import wilson_interval
from core.recipe_words import NOTHING, layer_in_words, settings_in_words
from core.recipes import Recipe
from core.run_info import Metrics
from core.runs import Predictions, Run
from core.text import p_value

LEVEL = 0.05
"""How rarely chance alone may make such a difference, for it to be called more than chance."""


@dataclass(frozen=True)
class Setting:
    """A setting in words, and what it is in each recipe."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Interval:
    """A run's figures on test digits; `low` to `high`: its accuracy's 95 % interval, 0 to 1."""

    metrics: Metrics
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
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


def differing_settings(recipes: Sequence[Recipe]) -> list[Setting]:
    """What is not the same in all recipes: settings, then parameters, then layers by their place.

    Where a recipe has no such layer, or the setting has no effect in it, there is a dash.
    """
    words = [settings_in_words(recipe) for recipe in recipes]
    rows = [Setting(name, tuple(each[name] for each in words)) for name in words[0]]
    networks = [recipe.architecture for recipe in recipes]
    rows.append(Setting("Parameters", tuple(f"{each.parameters:,}" for each in networks)))
    rows += _layers(networks)
    return [row for row in rows if len(set(row.values)) > 1]


def same_test(runs: Sequence[Run]) -> DatasetName | None:
    """The largest set of test digits on which all runs were tested; None if there is none."""
    for name in DATASETS:
        if all(name in run.info.metrics for run in runs):
            return name
    return None


def accuracy_intervals(runs: Sequence[Run], dataset: DatasetName) -> list[Interval]:
    """Each run's figures on a dataset that all were tested on, with Wilson's 95 % interval."""
    found = [run.info.metrics[dataset] for run in runs]
    return [Interval(each, *wilson_interval(each.n - each.wrong, each.n)) for each in found]


def differences(answers: Sequence[Predictions]) -> list[Difference]:
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
            Difference(first, second, alone, other, mcnemar(alone, other), LEVEL / len(pairs))
        )
    return found


def mcnemar(only_first: int, only_second: int) -> float:
    """The probability that chance alone splits the digits at least as unevenly, two-sided.

    McNemar (1947), in its exact form: the digits that only one of two equally good networks reads
    rightly fall to either side like tosses of a fair coin.
    """
    from scipy.stats import binomtest  # 0.2 s: not before it is needed

    tosses = only_first + only_second
    return float(binomtest(only_first, tosses).pvalue) if tosses else 1.0


def _layers(networks: Sequence[Architecture]) -> list[Setting]:
    columns = [[layer_in_words(layer) for layer in each.layers] for each in networks]
    rows = zip_longest(*columns, fillvalue=NOTHING)
    return [Setting(f"Layer {number}", values) for number, values in enumerate(rows, 1)]
