"""Scores against scikit-learn, intervals against SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, log_loss

from core.evaluation.comparison import wilson_interval
from core.runs.predictions import score_predictions
from core.runs.run import Metrics, StoredPredictions


def answers(seed: int, n: int = 300) -> StoredPredictions:
    generator = np.random.default_rng(seed)
    # At least 1 % for each digit, so that neither library has anything to clip.
    probabilities = 0.9 * generator.dirichlet(np.full(10, 0.3), n) + 0.01
    labels = generator.integers(0, 10, n).astype(np.uint8)
    return StoredPredictions(labels, probabilities.astype(np.float32))


@pytest.mark.parametrize("seed", range(3))
def test_score_is_scikit_learns(seed: int) -> None:
    answer = answers(seed)
    metrics = score_predictions(answer, held_out=True)
    accuracy = accuracy_score(answer.labels, answer.probabilities.argmax(axis=1))
    exact = answer.probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    assert metrics.n == 300
    assert metrics.accuracy == pytest.approx(accuracy)
    assert metrics.wrong == round((1 - accuracy) * 300)
    assert metrics.loss == pytest.approx(log_loss(answer.labels, exact), rel=1e-5)


def test_score_by_hand() -> None:
    probabilities = np.full((2, 10), 0.05, np.float32)
    probabilities[0, 3] = probabilities[1, 4] = 0.55
    metrics = score_predictions(
        StoredPredictions(np.array([3, 9], np.uint8), probabilities), held_out=False
    )
    assert (metrics.n, metrics.wrong, metrics.held_out) == (2, 1, False)
    assert metrics.loss == pytest.approx(-(np.log(0.55) + np.log(0.05)) / 2)


def test_certain_and_wrong_costs_much_but_not_infinity() -> None:
    probabilities = np.zeros((1, 10), np.float32)
    probabilities[0, 0] = 1
    metrics = score_predictions(
        StoredPredictions(np.array([1], np.uint8), probabilities), held_out=True
    )
    assert metrics.loss == pytest.approx(-np.log(1e-7))  # Keras's own clipping: 16.118


def test_metrics_count_before_they_rate() -> None:
    assert str(Metrics(n=10_000, wrong=38, loss=0.1, held_out=True)) == (
        "38 wrong of 10,000 (99.62 %)"
    )


@given(st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_is_scipys(counts: tuple[int, int]) -> None:
    right, n = counts
    expected = binomtest(right, n).proportion_ci(confidence_level=0.95, method="wilson")
    low, high = wilson_interval(right, n)
    assert low == pytest.approx(expected.low, abs=1e-6)
    assert high == pytest.approx(expected.high, abs=1e-6)
    assert 0 <= low <= right / n + 1e-12
    assert right / n - 1e-12 <= high <= 1


@pytest.mark.parametrize(("right", "n"), [(0, 0), (-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(right: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"not {right} of {n}"):
        wilson_interval(right, n)
