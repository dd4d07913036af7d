"""Differences between settings, judged by statsmodels, SciPy's own examples and sums by hand."""

import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from core.experiments.plan import combinations_of
from core.experiments.results import Summary, bootstrap_interval
from core.experiments.significance import (
    compare_settings,
    comparison_sentence,
    holm,
    power_of,
    seeds_needed,
    verdicts,
)
from tests.helpers.made_experiments import small_plan

FIRST, SECOND = combinations_of(small_plan())


def summary(combination: object, by_seed: dict[int, float]) -> Summary:
    return Summary(combination, by_seed, 5, math.nan, math.nan)


def seeded(*values: float, first: int = 0) -> dict[int, float]:
    return dict(enumerate(values, first))


@pytest.mark.parametrize("effect", [0.2, 0.5, 1.0, 2.5])
def test_power_and_seeds_are_those_of_statsmodels(effect: float) -> None:
    for paired, judge in ((True, TTestPower()), (False, TTestIndPower())):
        for n in (3, 10, 40):
            expected = judge.power(effect, n, 0.05)
            if math.isnan(expected):  # statsmodels knows no power that close to 1
                expected = 1.0
            assert power_of(effect, n, paired=paired) == pytest.approx(expected, abs=1e-6)
        wanted = math.ceil(judge.solve_power(effect, power=0.8, alpha=0.05))
        assert seeds_needed(effect, paired=paired) == max(wanted, 2)


def test_no_effect_is_seen_by_no_number_of_seeds() -> None:
    assert seeds_needed(0.0, paired=True) is None
    assert seeds_needed(1e-4, paired=False) is None


def test_the_same_seeds_are_compared_pair_by_pair() -> None:
    before, after = [0.30, 0.34, 0.31, 0.38], [0.29, 0.32, 0.30, 0.35]
    comparison = compare_settings(summary(FIRST, seeded(*before)), summary(SECOND, seeded(*after)))
    judge = DescrStatsW(np.subtract(after, before))
    assert comparison.paired
    assert comparison.n == 4
    assert comparison.difference == pytest.approx(-0.0175)
    assert comparison.probability == pytest.approx(judge.ttest_mean(0)[1])
    assert (comparison.low, comparison.high) == pytest.approx(judge.tconfint_mean(0.05))
    assert comparison.more_than_chance


def test_other_seeds_are_compared_by_welchs_test() -> None:
    before, after = [0.30, 0.34, 0.31], [0.29, 0.42, 0.30, 0.35]
    comparison = compare_settings(
        summary(FIRST, seeded(*before)), summary(SECOND, seeded(*after, first=10))
    )
    judge = CompareMeans(DescrStatsW(after), DescrStatsW(before))
    assert not comparison.paired
    assert comparison.n == 3
    assert comparison.probability == pytest.approx(judge.ttest_ind(usevar="unequal")[1])
    interval = judge.tconfint_diff(0.05, usevar="unequal")
    assert (comparison.low, comparison.high) == pytest.approx(interval)
    sentence = comparison_sentence(comparison, "validation loss")
    assert "may be chance" in sentence
    assert f"about {comparison.needed:,} seeds" in sentence


def test_too_few_runs_are_not_compared() -> None:
    one, many = summary(FIRST, seeded(0.3)), summary(SECOND, seeded(0.3, 0.2, 0.25))
    assert compare_settings(one, many) is None
    shown = verdicts([one, many, summary(FIRST, {})], "validation loss")
    assert [verdict.text() for verdict in shown] == [
        "too few runs to tell",
        "best mean",
        "no finished run yet",
    ]


def test_equal_and_constant_differences_need_no_test() -> None:
    values = summary(FIRST, seeded(0.3, 0.4))
    assert compare_settings(values, summary(SECOND, seeded(0.3, 0.4))).probability == 1
    shifted = compare_settings(values, summary(SECOND, seeded(0.5, 0.6)))
    assert shifted.probability == 0
    assert shifted.difference == pytest.approx(0.2)


def test_a_lead_within_chance_is_not_called_better() -> None:
    rng = np.random.default_rng(1)
    clear = summary(FIRST, seeded(*(0.90 + rng.normal(0, 0.002, 5))))
    best = summary(FIRST, seeded(*(0.98 + rng.normal(0, 0.002, 5))))
    near = summary(SECOND, seeded(*(0.979 + rng.normal(0, 0.004, 5))))
    words = [verdict.text() for verdict in verdicts([clear, best, near], "test accuracy")]
    assert words[0].startswith("worse, more than chance")
    assert words[1] == "best mean"
    assert words[2].startswith("within chance of the best")
    # The lower loss is the better one.
    assert verdicts([clear, best], "validation loss")[0].is_best


def test_holms_correction_is_that_of_statsmodels() -> None:
    p_values = [0.011, 0.02, 0.3, 0.04, 0.9, 0.001]
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert holm([]) == []


def test_bootstrap_interval_covers_the_mean_as_often_as_its_docstring_says() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 1, (400, 5))
    covered = [low <= 0 <= high for low, high in map(bootstrap_interval, samples.tolist())]
    assert np.mean(covered) == pytest.approx(0.84, abs=0.05)
    assert all(math.isnan(end) for end in bootstrap_interval([0.3]))
    assert bootstrap_interval([0.3, 0.3]) == pytest.approx((0.3, 0.3))
