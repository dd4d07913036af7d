"""The confusion matrix: counts, shares, order, the digits behind a cell, and its sentence."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from core.data import mnist
from core.evaluation.confusion_matrix import (
    cell_indices,
    cell_sentence,
    class_prototype,
    confusion_counts,
    count_confusions,
    most_confident_first,
    normalized_shares,
    similarity_order,
    top_confusions,
)
from core.runs import predictions, registry
from core.runs.predictions import Predictions
from tests.helpers.made_answers import answered as made

DIGIT = st.integers(0, 9)
# Five nines (two read as fours, one as a seven), three fours (one as a nine), two sevens.
LABELS = [9, 4, 9, 7, 9, 4, 9, 7, 9, 4]
READ = [4, 4, 9, 7, 4, 9, 7, 7, 9, 4]


def with_confidence(answers: Predictions, sure: list[float]) -> Predictions:
    """The same answers, each with its own confidence."""
    probabilities = np.zeros((len(answers), 10), np.float32)
    probabilities += ((1 - np.array(sure, np.float32)) / 9)[:, None]
    probabilities[np.arange(len(answers)), answers.predicted] = sure
    return Predictions(
        answers.network,
        answers.dataset,
        answers.images,
        answers.labels,
        probabilities,
        held_out=True,
    )


@pytest.fixture
def few() -> Predictions:
    return with_confidence(made(LABELS, READ), [0.5, 0.9, 0.6, 0.7, 0.8, 0.9, 0.95, 0.4, 0.9, 0.3])


@given(st.lists(st.tuples(DIGIT, DIGIT), max_size=200))
def test_counts_are_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    labels, read = np.array(pairs, np.uint8).reshape(-1, 2).T
    counts = confusion_counts(labels, read)
    if pairs:
        assert (counts == confusion_matrix(labels, read, labels=range(10))).all()
    else:
        assert counts.shape == (10, 10)
        assert not counts.any()


@pytest.mark.parametrize(("label", "read"), [(10, 0), (0, 10), (-1, 9), (1, -1)])
def test_what_is_no_digit_is_not_counted_elsewhere(label: int, read: int) -> None:
    with pytest.raises(ValueError, match="0 to 9"):
        confusion_counts(np.array([label]), np.array([read]))


def test_rows_are_labels_and_columns_answers(few: Predictions) -> None:
    counts = count_confusions(few)
    assert (counts[9, 4], counts[4, 9], counts[9, 7], counts[9, 9]) == (2, 1, 1, 2)
    assert counts[9].sum() == 5
    with pytest.raises(ValueError, match="read-only"):
        counts[0, 0] = 1


def test_shares_are_of_the_row_or_of_the_column(few: Predictions) -> None:
    counts = count_confusions(few)
    assert normalized_shares(counts, "row")[9, 4] == pytest.approx(2 / 5)
    assert normalized_shares(counts, "column")[9, 4] == pytest.approx(2 / 4)


@pytest.mark.filterwarnings("error")
def test_an_empty_class_has_no_share(few: Predictions) -> None:
    by_row, by_column = (normalized_shares(count_confusions(few), by) for by in ("row", "column"))
    assert not by_row[0].any()
    assert not by_column[:, 0].any()
    assert by_row.sum(axis=1).tolist() == pytest.approx([0, 0, 0, 0, 1, 0, 0, 1, 0, 1])


@given(st.permutations(range(10)), st.lists(st.integers(1, 30), min_size=9, max_size=9))
def test_a_chain_of_confusions_is_laid_out_as_that_chain(
    chain: list[int], often: list[int]
) -> None:
    # Each digit is confused with its neighbors in the chain alone: no other order has as many
    # confusions side by side.
    counts = np.diag([1000] * 10)
    for (a, b), n in zip(pairwise(chain), often, strict=True):
        counts[a, b] += n
        counts[b, a] += n
    order = list(similarity_order(counts))
    # Rows differ a little in their sums, which cannot break the chain.
    assert order in (chain, chain[::-1])
    assert order[0] < order[-1]


def test_without_a_mistake_the_digits_stay_in_order() -> None:
    assert similarity_order(np.diag([5] * 10)) == tuple(range(10))
    assert similarity_order(np.zeros((10, 10), np.intp)) == tuple(range(10))


def test_a_shipped_runs_order_puts_its_confusions_nearer_than_counting_up_does() -> None:
    counts = count_confusions(
        predictions.load_predictions(registry.find_run("purawr"), "mnist-sample")
    )
    parts = normalized_shares(counts, "row") + normalized_shares(counts, "row").T
    order = similarity_order(counts)
    assert sorted(order) == list(range(10))

    def beside(digits: tuple[int, ...]) -> float:
        return sum(parts[a, b] for a, b in pairwise(digits))

    assert beside(order) > beside(tuple(range(10)))


def test_a_cells_digits_are_the_surest_first(few: Predictions) -> None:
    assert cell_indices(few, 9, 4).tolist() == [4, 0]
    assert cell_indices(few, 9, None).tolist() == [6, 8, 4, 2, 0]
    assert cell_indices(few, None, 4).tolist() == [1, 4, 0, 9]


def test_equally_sure_digits_stay_in_their_order() -> None:
    answers = made([3, 3, 3], [5, 5, 5])
    assert cell_indices(answers, 3, 5).tolist() == [0, 1, 2]
    assert most_confident_first(answers, np.array([2, 0])).tolist() == [2, 0]


def test_only_the_wrong_ones_leaves_the_diagonal_out(few: Predictions) -> None:
    assert cell_indices(few, 9, None, wrong_only=True).tolist() == [6, 4, 0]
    assert cell_indices(few, None, None, wrong_only=True).tolist() == [6, 5, 4, 0]
    assert cell_indices(few, 9, 9, wrong_only=True).tolist() == []


def test_an_empty_cell_has_no_digits(few: Predictions) -> None:
    assert cell_indices(few, 0, 1).shape == (0,)


def test_the_most_frequent_mistakes_come_first(few: Predictions) -> None:
    assert top_confusions(few) == ((9, 4, 2), (4, 9, 1), (9, 7, 1))
    assert top_confusions(few, most=1) == ((9, 4, 2),)
    assert top_confusions(made([1, 2], [1, 2])) == ()


def test_an_ordinary_digit_is_read_rightly_and_like_the_others(digits: NDArray[np.uint8]) -> None:
    # Digits 0 to 5 of the fixture are zeros, 6 to 11 ones; a one among the zeros is no
    # ordinary zero, and neither is one that was misread.
    images = np.concatenate([digits[:6], digits[6:7]])
    answers = made([0] * 7, [0, 0, 0, 0, 0, 6, 0], images=images)
    assert class_prototype(answers, 0) in range(5)
    assert class_prototype(answers, 3) is None
    assert class_prototype(made([3], [5]), 3) is None
    assert class_prototype(made([3], [3]), 3) == 0  # a blank picture


def test_an_ordinary_digit_is_the_nearest_to_the_mean_by_the_angle() -> None:
    test = mnist.load("mnist-sample").test
    answers = predictions.load_predictions(registry.find_run("fast"), "mnist-sample")
    of_class = test.images[test.labels == 7].reshape(-1, 784).astype(float)
    mean = of_class.mean(axis=0)
    angles = {
        int(k): float(np.dot(p, mean) / np.linalg.norm(p))
        for k, p in zip(np.flatnonzero(test.labels == 7), of_class, strict=True)
        if answers.correct[k]
    }
    assert class_prototype(answers, 7) == max(angles, key=lambda k: angles[k])


def test_a_cell_in_words() -> None:
    counts = np.zeros((10, 10), np.intp)
    counts[9, [9, 4, 1, 8]] = 994, 12, 1, 2
    counts[0, 8] = 1
    counts[3, 5] = 7
    assert cell_sentence(counts, 9, 4) == "Of 1,009 nines, 12 were read as fours."
    assert cell_sentence(counts, 9, 1) == "Of 1,009 nines, 1 was read as a one."
    assert cell_sentence(counts, 9, 6) == "None of the 1,009 nines was read as a six."
    assert cell_sentence(counts, 9, 9) == "Of 1,009 nines, 994 were read as nines."
    assert cell_sentence(counts, 3, 5) == "All 7 threes were read as fives."
    assert cell_sentence(counts, 0, 8) == "The only zero was read as an eight."
    assert cell_sentence(counts, 0, 0) == "The only zero was not read as a zero."
    assert cell_sentence(counts, 2, 7) == "There are no twos among these digits."
