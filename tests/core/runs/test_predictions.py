"""Which test digits are hard, and which mistakes are frequent."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from core.runs import registry
from core.runs.predictions import confused_pairs, hardest_digits
from core.runs.run import Run
from core.utils.files import write_atomically
from tests.conftest import Trained


def test_shipped_runs_err_far_more_often_on_the_hard_digits() -> None:
    hard = np.array(hardest_digits())
    assert len(set(hard)) == 24
    for run in registry.list_shipped():
        assert isinstance(run, Run)
        answers = run.predictions("mnist-sample")
        assert answers is not None
        wrong = answers.probabilities.argmax(axis=1) != answers.labels
        assert wrong[hard].mean() > 5 * wrong.mean()


def test_the_hardest_come_first_and_a_shorter_list_is_its_beginning() -> None:
    assert hardest_digits(5) == hardest_digits(24)[:5]
    assert sorted(hardest_digits(1000)) == list(range(1000))


def test_without_shipped_runs_they_are_the_first(run_folders: tuple[Path, Path]) -> None:
    assert hardest_digits(3) == (0, 1, 2)


def test_one_run_is_asked_by_its_probability_of_the_truth(
    run_folders: tuple[Path, Path], trained: Trained
) -> None:
    shutil.copytree(trained.run.folder, run_folders[0] / "tiny")
    labels = np.arange(1000) % 10
    probabilities = np.full((1000, 10), 0.1, np.float32)
    probabilities[[70, 7], labels[[70, 7]]] = 0.0
    probabilities[500, labels[500]] = 0.05
    arrays = {"mnist-sample_labels": labels, "mnist-sample_probabilities": probabilities}
    target = run_folders[0] / "tiny" / "test_predictions.npz"
    write_atomically(target, lambda file: np.savez_compressed(file, **arrays))
    # Equal ones in order, the easier ones later.
    assert hardest_digits(5) == (7, 70, 500, 0, 1)


def test_a_shipped_run_without_answers_has_no_say(
    run_folders: tuple[Path, Path], trained: Trained
) -> None:
    shutil.copytree(trained.run.folder, run_folders[0] / "mute")
    (run_folders[0] / "mute" / "test_predictions.npz").unlink()
    assert hardest_digits(2) == (0, 1)


@pytest.mark.parametrize("count", [-1, 1001])
def test_there_are_a_thousand_digits_to_choose_from(count: int) -> None:
    with pytest.raises(ValueError, match="1000 test digits"):
        hardest_digits(count)


def test_confusions_are_counted_as_scikit_learn_counts_them() -> None:
    rng = np.random.default_rng(3)
    labels, answers = rng.integers(0, 10, 2000), rng.integers(0, 10, 2000)
    table = confusion_matrix(labels, answers)
    np.fill_diagonal(table, 0)
    pairs = confused_pairs(labels, answers, most=6)
    assert [count for _, _, count in pairs] == sorted(table.ravel().tolist(), reverse=True)[:6]
    assert all(table[truth, answer] == count for truth, answer, count in pairs)


def test_confusions_of_equal_counts_stand_in_the_order_of_the_digits() -> None:
    labels, answers = np.array([9, 4, 4, 2, 1]), np.array([4, 9, 9, 7, 1])
    assert confused_pairs(labels, answers) == ((4, 9, 2), (2, 7, 1), (9, 4, 1))
    assert confused_pairs(labels, labels) == ()
