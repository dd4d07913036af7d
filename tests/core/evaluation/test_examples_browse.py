"""Filters and orders of the digit grid, each judged by a slow way of saying the same."""

import json
from dataclasses import replace

import numpy as np
import pytest

from core.data import mnist
from core.evaluation.examples import DigitQuery, find_digits, page_of_digit, predictions_for
from core.runs import registry
from core.runs.run import Network
from core.utils.errors import DatasetError
from tests.helpers.made_answers import network

pytestmark = pytest.mark.offline

TEST = DigitQuery(split="test")
SAMPLE = mnist.load("mnist-sample").test
YALCIN = Network(registry.find_run("yalcin"))
STORED = YALCIN.run.predictions("mnist-sample")
assert STORED
ANSWERS = STORED.probabilities.argmax(axis=1)
SURE = STORED.probabilities.max(axis=1)
INK = SAMPLE.images.mean(axis=(1, 2)) / 2.55


def test_without_a_filter_all_digits_come_by_their_index() -> None:
    assert find_digits(TEST).tolist() == list(range(1000))
    assert find_digits(replace(TEST, descending=True))[0] == 999
    assert len(find_digits(DigitQuery())) == 4000


def test_by_label() -> None:
    indices = find_digits(replace(TEST, labels=(3, 7)))
    assert len(indices) == 200
    assert set(SAMPLE.labels[indices].tolist()) == {3, 7}


def test_by_ink() -> None:
    indices = find_digits(replace(TEST, least_ink=10, most_ink=12))
    assert indices.tolist() == [k for k in range(1000) if 10 <= INK[k] <= 12]
    assert 0 < len(indices) < 1000


@pytest.mark.parametrize("descending", [False, True])
def test_ordered_by_ink(descending: bool) -> None:
    indices = find_digits(replace(TEST, order="ink", descending=descending))
    steps = np.diff(INK[indices])
    assert (steps <= 1e-5).all() if descending else (steps >= -1e-5).all()
    assert sorted(indices.tolist()) == list(range(1000))


def test_ordered_by_likeness_the_oddest_come_first() -> None:
    indices = find_digits(replace(TEST, order="likeness", labels=(4,)))
    mean = SAMPLE.images[SAMPLE.labels == 4].mean(axis=0).ravel()

    def cosine(k: int) -> float:
        image = SAMPLE.images[k].astype(float).ravel()
        return float(image @ mean / np.linalg.norm(image) / np.linalg.norm(mean))

    assert cosine(indices[0]) == pytest.approx(min(map(cosine, indices)))
    assert cosine(indices[-1]) == pytest.approx(max(map(cosine, indices)))


def test_by_a_runs_answer() -> None:
    asked = replace(TEST, network=YALCIN)
    wrong = find_digits(replace(asked, outcome="wrong"))
    assert wrong.tolist() == np.flatnonzero(SAMPLE.labels != ANSWERS).tolist()
    assert len(wrong) > 0
    right = find_digits(replace(asked, outcome="right"))
    assert sorted([*wrong, *right]) == list(range(1000))
    unsure = find_digits(replace(asked, outcome="unsure"))
    assert unsure.tolist() == np.flatnonzero(SURE < 0.7).tolist()
    nines = find_digits(replace(asked, predicted=(9,), labels=(4,)))
    assert nines.tolist() == [k for k in range(1000) if ANSWERS[k] == 9 and SAMPLE.labels[k] == 4]


def test_ordered_by_confidence() -> None:
    indices = find_digits(replace(TEST, network=YALCIN, order="confidence"))
    assert SURE[indices[0]] == SURE.min()
    assert (np.diff(SURE[indices]) >= 0).all()


def test_among_equals_the_lower_index_comes_first_both_ways() -> None:
    for descending in (False, True):
        indices = find_digits(
            replace(TEST, network=YALCIN, order="confidence", descending=descending)
        )
        same = [int(k) for k in indices if SURE[k] == SURE[indices].max()]
        assert len(same) > 1
        assert same == sorted(same)


def test_a_filter_that_leaves_nothing_leaves_nothing() -> None:
    assert find_digits(replace(TEST, least_ink=99)).tolist() == []
    assert find_digits(replace(TEST, least_ink=50, most_ink=10, order="likeness")).tolist() == []


def test_answers_to_digits_that_were_learned_are_refused_in_words() -> None:
    with pytest.raises(DatasetError, match="Choose the test split"):
        find_digits(DigitQuery(network=YALCIN, outcome="wrong"))


def test_a_run_is_asked_only_if_its_answers_matter() -> None:
    assert len(find_digits(DigitQuery(network=network("nobody")))) == 4000


@pytest.mark.full_mnist
def test_the_full_test_set_has_answers_too() -> None:
    answers = predictions_for(registry.find_run("best"), "mnist", "test")
    labels = mnist.load("mnist").test.labels
    card = json.loads((registry.find_run("best").folder / "run.json").read_text(encoding="utf-8"))
    assert (answers.predicted != labels).sum() == card["metrics"]["mnist"]["wrong"]


def test_the_page_of_an_index() -> None:
    indices = np.array([5, 3, 9, 1])
    assert [page_of_digit(indices, k, 2) for k in (5, 3, 9, 1, 7)] == [1, 1, 2, 2, None]
