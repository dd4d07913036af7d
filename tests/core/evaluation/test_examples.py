"""Label suspects by hand-computed examples, and what people read in MNIST's test digits."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core import ROOT
from core.data import mnist
from core.evaluation.examples import (
    NO_CLASS,
    HumanLabel,
    LabelIssue,
    class_thresholds,
    confident_classes,
    find_label_issues,
    human_labels,
    label_margins,
    rank_label_issues,
)
from core.runs import registry
from core.utils.errors import RunError

pytestmark = pytest.mark.offline

SHIPPED = registry.SHIPPED_FOLDER
RunFolders = tuple[Path, Path]

LABELS = np.array([0, 0, 1, 1, 2, 2], np.uint8)
FIRST_RUN = np.array(
    [
        [0.9, 0.1, 0.0],
        [0.2, 0.75, 0.05],
        [0.1, 0.8, 0.1],
        [0.0, 0.6, 0.4],
        [0.0, 0.3, 0.7],
        [0.6, 0.1, 0.3],
    ],
    np.float32,
)
SECOND_RUN = FIRST_RUN.copy()
SECOND_RUN[1] = [0.4, 0.5, 0.1]
SECOND_RUN[3] = [0.0, 0.25, 0.75]
SECOND_RUN[5] = [0.1, 0.2, 0.7]


def test_a_threshold_is_the_mean_probability_of_the_label_where_it_stands() -> None:
    assert class_thresholds(LABELS, FIRST_RUN) == pytest.approx([0.55, 0.7, 0.5])
    assert class_thresholds(LABELS, SECOND_RUN) == pytest.approx([0.65, 0.525, 0.7])


def test_confident_is_what_reaches_the_threshold_of_its_class() -> None:
    # The fourth digit reaches none: 0.6 is below 0.7, 0.4 below 0.5. The second and the last are
    # confidently of another class than their label.
    assert confident_classes(LABELS, FIRST_RUN).tolist() == [0, 1, 1, NO_CLASS, 2, 0]


def test_of_two_classes_that_reach_their_thresholds_the_likelier_counts() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.58, 0.42], [0.22, 0.78], [0.45, 0.55], [0.75, 0.25]])
    assert class_thresholds(labels, probabilities) == pytest.approx([0.4, 0.4])
    assert confident_classes(labels, probabilities).tolist() == [0, 1, 1, 0]


def test_the_margin_is_to_the_best_of_the_other_classes() -> None:
    expected = [0.8, -0.55, 0.7, 0.2, 0.4, -0.3]
    assert label_margins(LABELS, FIRST_RUN) == pytest.approx(expected)


def test_suspects_are_what_the_runs_contradict_together_the_clearest_first() -> None:
    # Means: digit 1 is (0.3, 0.625, 0.075), digit 3 (0, 0.425, 0.575); digit 5 is (0.35, 0.15, 0.5)
    # and read as its label says, though the first run contradicts it.
    first, second = rank_label_issues(LABELS, np.array([FIRST_RUN, SECOND_RUN]))
    # The second run's 0.5 is below its threshold of 0.525 for class 1.
    assert first == LabelIssue(1, 0, 1, pytest.approx(0.625), agreeing=2, confident=1, runs=2)
    assert second == LabelIssue(3, 1, 2, pytest.approx(0.575), agreeing=1, confident=1, runs=2)


def test_labels_that_nobody_contradicts_leave_no_suspects() -> None:
    sure = np.eye(3, dtype=np.float32)[LABELS]
    assert rank_label_issues(LABELS, sure[None]) == ()
    undecided = np.full((1, 6, 3), 1 / 3, np.float32)
    assert rank_label_issues(LABELS, undecided) == ()


def test_on_the_sample_they_are_the_digits_that_the_mean_of_all_runs_misreads() -> None:
    labels = mnist.load("mnist-sample").test.labels
    means = [[0.0] * 10 for _ in labels]
    files = sorted(SHIPPED.glob("*/test_predictions.npz"))
    for file in files:
        with np.load(file) as archive:
            for mean, row in zip(
                means, archive["mnist-sample_probabilities"].tolist(), strict=True
            ):
                for digit in range(10):
                    mean[digit] += row[digit] / len(files)
    gaps = [max(mean) - mean[label] for mean, label in zip(means, labels, strict=True)]
    expected = sorted((k for k in range(1000) if gaps[k] > 0), key=lambda k: -gaps[k])
    issues = find_label_issues("mnist-sample")
    assert [issue.index for issue in issues] == expected
    assert len(expected) > 0
    assert {issue.runs for issue in issues} == {len(files)}
    assert all(issue.confident <= issue.agreeing <= issue.runs for issue in issues)
    assert all(issue.label == labels[issue.index] != issue.predicted for issue in issues)
    assert find_label_issues("mnist-sample") is issues  # worked out once for all visitors


def copied(name: str, to: Path) -> Path:
    """The part of a shipped run that is asked here, in another folder."""
    folder = to / name
    folder.mkdir()
    for file in ("run.json", "test_predictions.npz"):
        shutil.copy(SHIPPED / name / file, folder / file)
    return folder


def test_a_run_that_has_learned_from_the_test_digits_is_not_asked(run_folders: RunFolders) -> None:
    learned = copied("best", run_folders[0]) / "run.json"
    info = json.loads(learned.read_text())
    info["provenance"]["excluded_sample_test"] = False
    learned.write_text(json.dumps(info))
    with pytest.raises(RunError, match="No shipped run has answers"):
        find_label_issues("mnist-sample")
    copied("yalcin", run_folders[0])
    assert {issue.runs for issue in find_label_issues("mnist-sample")} == {1}


def test_answers_to_other_digits_do_not_count(run_folders: RunFolders) -> None:
    file = copied("fast", run_folders[0]) / "test_predictions.npz"
    with np.load(file) as archive:
        stored = dict(archive)
    stored["mnist-sample_labels"] = stored["mnist-sample_labels"][::-1]
    np.savez(file, **stored)
    with pytest.raises(RunError, match="Restore the folder"):
        find_label_issues("mnist-sample")


def test_people_judged_a_hundred_labels_and_confirmed_all_but_fifteen() -> None:
    people = human_labels("mnist", "test")
    assert len(people) == 100
    assert all(human.index == index for index, human in people.items())
    issues = [human for human in people.values() if human.is_label_issue]
    # The paper's count; the kinds were counted by hand from the source.
    assert len(issues) == 15
    assert sum(human.majority_label is None for human in issues) == 5


def test_nobody_was_asked_about_other_digits() -> None:
    assert not human_labels("mnist", "train")
    assert not human_labels("mnist-sample", "test")


@pytest.mark.parametrize(
    ("majority_label", "issue", "words"),
    [
        (4, False, "most confirm the label 4"),
        (9, True, "most read 9"),
        (0, True, "most read 0"),
        (None, True, "no majority for 4 or any other"),
    ],
)
def test_what_people_read_in_words(majority_label: int | None, issue: bool, words: str) -> None:
    human = HumanLabel(1, 4, majority_label)
    assert human.is_label_issue == issue
    assert human.sentence == words


@pytest.mark.full_mnist
def test_people_judged_the_labels_that_mnist_has() -> None:
    labels = mnist.load("mnist").test.labels
    people = human_labels("mnist", "test")
    assert all(labels[index] == human.given_label for index, human in people.items())


@pytest.mark.full_mnist
def test_the_first_fifty_hold_as_many_label_issues_as_the_benchmark_says() -> None:
    file = ROOT / "benchmarks" / "results" / "label_suspects.json"
    figures = json.loads(file.read_text(encoding="utf-8"))["figures"]
    people = human_labels("mnist", "test")
    first = [people.get(suspect.index) for suspect in find_label_issues("mnist")[:50]]
    issues = [human for human in first if human and human.is_label_issue]
    assert len(issues) == figures["validated_in_first_50"] >= 8  # most of them
