"""Two networks on the same digits: what is fixed and broken, and when that is more than chance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from core.evaluation.comparison import (
    compare_paired,
    detectable_difference_sentence,
    smallest_detectable_difference,
)
from core.runs import predictions, registry
from core.runs.predictions import Predictions
from core.utils.errors import DatasetError
from tests.helpers.made_answers import answered as made
from tests.helpers.made_answers import network

LABELS = [0, 1, 2, 3, 4, 5, 6, 7]
FIRST = [0, 7, 7, 3, 9, 5, 0, 7]  # wrong on 1, 2, 4, 6
SECOND = [0, 1, 2, 8, 9, 3, 5, 7]  # wrong on 3, 4, 5, 6


def sure_of(labels: list[int], read: list[int], sure: list[float], run: str) -> Predictions:
    """Answers that each have their own confidence."""
    probabilities = np.repeat(((1 - np.array(sure)) / 9)[:, None], 10, axis=1).astype(np.float32)
    probabilities[np.arange(len(read)), read] = sure
    images = np.zeros((len(labels), 28, 28), np.uint8)
    return Predictions(
        network(run), "made-up", images, np.array(labels, np.uint8), probabilities, held_out=True
    )


def test_fixed_broken_and_both_wrong() -> None:
    first = sure_of(LABELS, FIRST, [0.9, 0.5, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9], "first")
    second = sure_of(LABELS, SECOND, [0.9, 0.9, 0.9, 0.4, 0.9, 0.7, 0.9, 0.9], "second")
    comparison = compare_paired(first, second)
    assert comparison.fixed.tolist() == [2, 1]  # the first was surer of its mistake on 2
    assert comparison.broken.tolist() == [5, 3]  # the second is surer of its mistake on 5
    assert comparison.same_mistake.tolist() == [4]
    assert comparison.other_mistake.tolist() == [6]
    assert (comparison.disagree, comparison.n) == (4, 8)
    with pytest.raises(ValueError, match="read-only"):
        comparison.fixed[0] = 0


def test_the_other_way_round_fixed_is_broken() -> None:
    first, second = made(LABELS, FIRST), made(LABELS, SECOND)
    there, back = compare_paired(first, second), compare_paired(second, first)
    assert sorted(there.fixed) == sorted(back.broken)
    assert sorted(there.broken) == sorted(back.fixed)
    assert there.difference.probability == back.difference.probability


def test_of_shipped_runs_every_digit_is_told_once_and_the_test_is_scipys() -> None:
    first, second = (
        predictions.load_predictions(registry.find_run(run), "mnist-sample")
        for run in ("purawr", "best")
    )
    comparison = compare_paired(first, second)
    both = (first.correct & second.correct).sum()
    lists = (comparison.fixed, comparison.broken, comparison.same_mistake, comparison.other_mistake)
    told = np.concatenate(lists)
    assert len(set(told.tolist())) == len(told) == len(first) - both
    expected = binomtest(len(comparison.fixed), comparison.disagree).pvalue
    assert comparison.difference.probability == pytest.approx(expected)


def test_the_sentence_counts_both_sides_and_explains_the_coin() -> None:
    n = 30
    first = made([1] * n, [1] * 9 + [2] * 21, run="old", epoch=3)
    second = made([1] * n, [2] * 9 + [1] * 21, run="new")
    words = compare_paired(first, second).sentence()
    assert "9 of the digits are read rightly by old (epoch 3) alone, 21 by new alone" in words
    assert f"in {100 * binomtest(9, 30).pvalue:.2g} % of cases" in words
    assert "more than chance" in words
    assert "McNemar's exact test" in words
    assert "tossed coin" in words


def test_two_that_are_wrong_on_the_same_digits_need_no_coin() -> None:
    words = compare_paired(made([1, 1], [1, 2]), made([1, 1], [1, 3])).sentence()
    assert words == "tiny and tiny are wrong on the very same digits."


@pytest.mark.parametrize(
    "second",
    [
        made([1, 2], [1, 2]),
        made([1, 2, 4], [1, 2, 3]),
        made([1, 2, 3], [1, 2, 3], images=np.ones((3, 28, 28), np.uint8)),
    ],
)
def test_other_digits_are_refused_with_a_sentence(second: Predictions) -> None:
    with pytest.raises(DatasetError, match="not answered the same digits"):
        compare_paired(made([1, 2, 3], [1, 2, 3]), second)


@settings(max_examples=60)
@given(st.integers(0, 150))
def test_the_needed_difference_is_the_smallest_that_scipy_calls_rare(disagree: int) -> None:
    enough = [
        most - (disagree - most)
        for most in range((disagree + 1) // 2, disagree + 1)
        if disagree and binomtest(most, disagree).pvalue < 0.05
    ]
    assert smallest_detectable_difference(disagree) == (min(enough) if enough else None)


def test_known_values_and_thousands_of_digits() -> None:
    # 2 / 2^5 is 6 %, 2 / 2^6 is 3 %.
    assert smallest_detectable_difference(5) is None
    assert smallest_detectable_difference(6) == 6
    assert smallest_detectable_difference(30) == 12
    smallest = smallest_detectable_difference(10_000)
    assert smallest is not None
    assert binomtest(5000 + smallest // 2, 10_000).pvalue < 0.05
    assert binomtest(5000 + smallest // 2 - 1, 10_000).pvalue >= 0.05


def test_what_is_needed_in_words() -> None:
    assert detectable_difference_sentence(30) == (
        "On 30 digits only one of the two is right; a difference of 12 or more between the two "
        "counts would be more than chance."
    )
    assert "it takes at least 6 of them" in detectable_difference_sentence(1)
    assert detectable_difference_sentence(1).startswith("On 1 digit only")
    assert "nothing tells them apart" in detectable_difference_sentence(0)
