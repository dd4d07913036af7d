"""Is a difference between settings more than chance? Tests, intervals, and how many seeds it takes.

Two combinations are compared pair by pair if they have seeds in common: a seed draws the order of
the digits and the augmentation alike, so part of the chance cancels out (Student's t-test of the
differences). Otherwise they are compared as two independent samples with unequal variances (Welch,
1947). Of several comparisons with the same combination, the p-values are corrected by Holm's method
(1979).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.evaluation.comparison import CONFIDENCE_LEVEL
from core.experiments.results import CONFIDENCE, Measure, Summary, higher_is_better
from core.utils.text import p_value

POWER: Final = 0.8
"""With so much probability a difference that is there has to be seen."""
_MIN_PAIRS: Final = 2
_MOST_SEEDS: Final = 10_000


@dataclass(frozen=True)
class SettingsComparison:
    """Two combinations of settings by one measure.

    Attributes:
        first: the name of the first combination.
        second: the name of the second one.
        paired: whether the same seeds were compared, pair by pair.
        n: seeds of each, or pairs.
        difference: the mean of the second less that of the first.
        low: the lower end of the difference's 95 % interval.
        high: the upper end.
        probability: two-sided p-value; 1 if there is no difference at all.
        needed: so many seeds would show a difference of this size with a probability of 80 %; None
            if there is no difference, or more than 10,000 would be needed.
    """

    first: str
    second: str
    paired: bool
    n: int
    difference: float
    low: float
    high: float
    probability: float
    needed: int | None

    @property
    def more_than_chance(self) -> bool:
        """Whether the difference is significant at 5 %."""
        return self.probability < CONFIDENCE_LEVEL


def compare_settings(first: Summary, second: Summary) -> SettingsComparison | None:
    """Compare two combinations; None if either has fewer than two finished runs.

    Args:
        first: the values of the first, by seed.
        second: the values of the second, by the same measure.
    """
    common = [seed for seed in first.by_seed if seed in second.by_seed]
    if len(common) >= _MIN_PAIRS:
        before = np.array([first.by_seed[seed] for seed in common])
        after = np.array([second.by_seed[seed] for seed in common])
        return _compared(first, second, before, after, paired=True)
    if min(first.n, second.n) < _MIN_PAIRS:
        return None
    return _compared(first, second, first.values, second.values, paired=False)


def _compared(
    first: Summary,
    second: Summary,
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    *,
    paired: bool,
) -> SettingsComparison:
    from scipy import stats  # 0.2 s: not before it is needed

    difference = float(after.mean() - before.mean())
    spread = _spread(before, after, paired=paired)
    comparison = SettingsComparison(
        first.combination.name,
        second.combination.name,
        paired,
        min(len(before), len(after)),
        difference,
        difference,
        difference,
        0.0 if difference else 1.0,
        None,
    )
    if not spread:  # every pair differs alike: nothing is left to chance
        return comparison
    test = (
        stats.ttest_rel(after, before)
        if paired
        else stats.ttest_ind(after, before, equal_var=False)
    )
    interval = test.confidence_interval(CONFIDENCE)
    return replace(
        comparison,
        low=float(interval.low),
        high=float(interval.high),
        probability=float(test.pvalue),
        needed=seeds_needed(abs(difference) / spread, paired=paired),
    )


def _spread(before: NDArray[np.float64], after: NDArray[np.float64], *, paired: bool) -> float:
    """The standard deviation that a difference is measured against."""
    if paired:
        deviation = float((after - before).std(ddof=1))
    else:
        deviation = math.sqrt((before.var(ddof=1) + after.var(ddof=1)) / 2)
    # What rounding leaves of equal differences is no spread.
    return deviation if deviation > 1e-12 * max(float(np.abs(after).max()), 1e-300) else 0.0


@lru_cache(maxsize=1024)
def seeds_needed(effect: float, *, paired: bool) -> int | None:
    """How many seeds show an effect in a two-sided t-test at 5 % with a probability of 80 %.

    Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, by the noncentral t
    distribution.

    Args:
        effect: the difference of the means, divided by the standard deviation: of the differences
            if `paired`, else of a single sample.
        paired: whether the same seeds are compared, pair by pair.

    Returns:
        The number of seeds of each combination; None for more than 10,000.

    Example:
        >>> seeds_needed(1.0, paired=True), seeds_needed(1.0, paired=False)
        (10, 17)
    """
    if effect <= 0:
        return None
    low, high = 1, 2
    while power_of(effect, high, paired=paired) < POWER:
        low, high = high, 2 * high
        if low > _MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if power_of(effect, middle, paired=paired) < POWER:
            low = middle
        else:
            high = middle
    return high if high <= _MOST_SEEDS else None


def power_of(effect: float, n: int, *, paired: bool) -> float:
    """The probability with which `n` seeds of each show an effect (see `seeds_needed`); n from 2.

    Example:
        >>> round(power_of(1.0, 10, paired=True), 3)
        0.803
    """
    from scipy.special import nctdtr, stdtrit

    freedom = n - 1 if paired else 2 * n - 2
    shift = effect * math.sqrt(n if paired else n / 2)
    limit = stdtrit(freedom, 1 - CONFIDENCE_LEVEL / 2)
    # Of a large effect, SciPy does not know the tail on the wrong side: it is below 1e-20.
    wrong_side = np.nan_to_num(nctdtr(freedom, shift, -limit))
    return float(1 - nctdtr(freedom, shift, limit) + wrong_side)


@dataclass(frozen=True)
class Verdict:
    """A combination beside the one with the best mean.

    Attributes:
        summary: its values.
        comparison: with the best one, whose p-value is corrected by Holm; None for the best one
            itself, and where there are too few runs.
        is_best: whether its mean is the best.
    """

    summary: Summary
    comparison: SettingsComparison | None
    is_best: bool

    def text(self) -> str:
        """The verdict in a few words."""
        if self.is_best:
            return "best mean"
        if not self.summary.n:
            return "no finished run yet"
        if self.comparison is None:
            return "too few runs to tell"
        p = p_value(self.comparison.probability)
        if self.comparison.more_than_chance:
            return f"worse, more than chance (p {p})"
        return f"within chance of the best (p {p})"


def verdicts(results: Sequence[Summary], measure: Measure) -> list[Verdict]:
    """Compare each combination with the one whose mean is best, in the order given.

    The best of many looks better than it is: its lead was picked as the largest. So a combination
    counts as worse only if its own test, corrected for their number, says so.

    Args:
        results: of one measure.
        measure: tells whether higher or lower is better.
    """
    with_values = [summary for summary in results if summary.n]
    if not with_values:
        return [Verdict(summary, None, is_best=False) for summary in results]
    sign = 1 if higher_is_better(measure) else -1
    best = max(with_values, key=lambda summary: sign * summary.mean)
    comparisons = [
        None if summary is best or not summary.n else compare_settings(best, summary)
        for summary in results
    ]
    known = [comparison for comparison in comparisons if comparison]
    corrected = iter(holm([comparison.probability for comparison in known]))
    return [
        Verdict(
            summary,
            replace(comparison, probability=next(corrected)) if comparison else None,
            is_best=summary is best,
        )
        for summary, comparison in zip(results, comparisons, strict=True)
    ]


def holm(probabilities: Sequence[float]) -> list[float]:
    """Correct the p-values of several tests (Holm, 1979, "A simple sequentially rejective ...").

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(probabilities)), key=lambda place: probabilities[place])
    corrected = [0.0] * len(probabilities)
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * probabilities[place]))
        corrected[place] = largest
    return corrected


def comparison_sentence(
    comparison: SettingsComparison, measure: Measure, *, unit: float = 1, suffix: str = ""
) -> str:
    """Describe a comparison for a reader who does not know the test.

    Args:
        comparison: of two combinations.
        measure: what was compared.
        unit: what a value is multiplied by before it is shown, such as 100 for percent.
        suffix: what follows a value, such as " points".
    """
    low, high, mean = (
        unit * value for value in (comparison.low, comparison.high, comparison.difference)
    )
    more = "higher" if mean > 0 else "lower"
    seeds = f"{comparison.n} seeds{', each with itself' if comparison.paired else ' each'}"
    if not mean:
        return f"{comparison.first} and {comparison.second} have the same mean {measure} ({seeds})."
    text = (
        f"The {measure} of {comparison.second} is {abs(mean):.3g}{suffix} {more} than that of "
        f"{comparison.first} (95 % interval {_signed(low)} to {_signed(high)}, {seeds}). "
    )
    if comparison.more_than_chance:
        return f"{text}That is more than chance (p {p_value(comparison.probability)})."
    needed = (
        f"A difference of this size needs about {comparison.needed:,} seeds to be seen."
        if comparison.needed
        else "A difference so small needs more than 10,000 seeds to be seen."
    )
    return f"{text}That may be chance (p {p_value(comparison.probability)}). {needed}"


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")
