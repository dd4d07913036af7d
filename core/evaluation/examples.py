"""Examples of a split: filters and orders, label issues, and labels given by people.

Filters and orders work on a whole split at once (`find_digits`). Label issues are test digits whose
label the shipped runs contradict (`find_label_issues`), by confident
learning: C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident Learning: Estimating
Uncertainty in Dataset Labels", Journal of Artificial Intelligence Research 70 (2021), 1373 to 1411,
arXiv:1911.00068. It wants probabilities from networks that have not learned from the digits
("out-of-sample"), so only test digits are looked at, and only runs that never saw them are asked.
Their probabilities are averaged and the digits ranked by the paper's normalized margin: together
the runs are never so sure of a wrong answer that the confident joint would count a digit, and each
of them alone finds fewer of the labels that people refuted (benchmarks/label_suspects.py).

What people read in doubtful MNIST test digits is published (`human_labels`). C. G. Northcutt, A.
Athalye and J. Mueller, "Pervasive Label Errors in Test Sets Destabilize Machine Learning
Benchmarks" (NeurIPS 2021, arXiv:2103.14749), had 100 of its labels judged by five people each, who
saw the digit, its label and another digit that a network had suggested. A label is a label issue if
no majority confirmed it: there are 15.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core import ASSETS
from core.data.mnist import CLASSES
from core.data.statistics import SplitName, class_similarity, ink_share, split_of
from core.inference.reader import UNSURE_BELOW
from core.runs import registry
from core.runs.predictions import Predictions, load_predictions
from core.runs.run import Network, Run
from core.utils.errors import DatasetError, DigitscopeError, RunError

Outcome = Literal["any", "right", "wrong", "unsure"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
DigitOrder = Literal["index", "ink", "likeness", "confidence"]
DIGIT_ORDERS: Final[tuple[DigitOrder, ...]] = get_args(DigitOrder)
MOST_INK: Final = 100.0
_TEST_ONLY: Final = (
    "A run's answers are kept for the test digits only: on digits that it has learned from they "
    "would say little. Choose the test split."
)


@dataclass(frozen=True)
class DigitQuery:
    """Filters and order of a split's digits; the defaults leave nothing out.

    `labels` and `predicted`: digits 0 to 9, empty for all. `least_ink` and `most_ink` in percent.
    `outcome`, `predicted` and the order "confidence" are about what `network`, a finished network,
    answers.
    """

    dataset: str = "mnist-sample"
    split: SplitName = "train"
    labels: tuple[int, ...] = ()
    least_ink: float = 0.0
    most_ink: float = MOST_INK
    network: Network | None = None
    outcome: Outcome = "any"
    predicted: tuple[int, ...] = ()
    order: DigitOrder = "index"
    descending: bool = False

    @property
    def needs_predictions(self) -> bool:
        """Whether a run's answers are needed."""
        return self.outcome != "any" or bool(self.predicted) or self.order == "confidence"


def find_digits(query: DigitQuery) -> NDArray[np.intp]:
    """Indices within the split of the digits that match a query, in its order.

    Of equals, the lower index comes first, also in a descending order. Raises DatasetError if the
    dataset cannot be loaded or a run's answers are asked for that were not kept, RunError if they
    are damaged, ValueError if answers are needed and the query names no run.
    """
    split = split_of(query.dataset, query.split)
    chosen = np.ones(len(split), np.bool_)
    if query.labels:
        chosen &= _one_of(split.labels, query.labels)
    if (query.least_ink, query.most_ink) != (0.0, MOST_INK):
        amount = ink_share(query.dataset, query.split)
        chosen &= (amount >= query.least_ink) & (amount <= query.most_ink)
    answers = _asked(query) if query.needs_predictions else None
    if answers:
        chosen &= _answered(query, answers, split.labels)
    return _ordered(query, np.flatnonzero(chosen), answers)


def predictions_for(run: Run, dataset: str, split: SplitName) -> Predictions:
    """Read what a run answered on the test digits when its training was over.

    Args:
        run: whose network answered.
        dataset: whose digits.
        split: "test"; answers on training digits would flatter the run, and are not kept.

    Returns:
        The answers; each time the same object.

    Raises:
        RunError: the answers are damaged.
        DatasetError: the run has no answers for this split.
    """
    if split == "train":
        raise DatasetError(_TEST_ONLY)
    return load_predictions(run, dataset)


def _asked(query: DigitQuery) -> Predictions:
    if query.split == "train":
        raise DatasetError(_TEST_ONLY)
    if query.network is None:
        raise ValueError("whose answers are asked for?")
    return predictions_for(query.network.run, query.dataset, query.split)


def page_of_digit(indices: NDArray[np.intp], index: int, page_size: int) -> int | None:
    """The page, from 1, that shows the digit with this index; None if it is not listed."""
    places = np.flatnonzero(indices == index)
    return int(places[0]) // page_size + 1 if len(places) else None


def _one_of(values: NDArray[np.uint8], wanted: tuple[int, ...]) -> NDArray[np.bool_]:
    table = np.zeros(CLASSES, np.bool_)
    table[list(wanted)] = True
    return table[values]


def _answered(
    query: DigitQuery, answers: Predictions, labels: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    chosen = np.ones(len(labels), np.bool_)
    if query.outcome in {"right", "wrong"}:
        chosen &= (answers.predicted == labels) == (query.outcome == "right")
    elif query.outcome == "unsure":
        chosen &= answers.confidence < UNSURE_BELOW
    if query.predicted:
        chosen &= _one_of(answers.predicted, query.predicted)
    return chosen


def _ordered(
    query: DigitQuery, indices: NDArray[np.intp], answers: Predictions | None
) -> NDArray[np.intp]:
    if query.order == "index":
        return indices[::-1] if query.descending else indices
    if query.order == "confidence" and answers:
        values = answers.confidence
    else:
        table = ink_share if query.order == "ink" else class_similarity
        values = table(query.dataset, query.split)
    sign = -1 if query.descending else 1
    return indices[np.argsort(sign * values[indices], kind="stable")]


LABEL_ISSUES_PAPER: Final = "https://arxiv.org/abs/2103.14749"
_FILE: Final = ASSETS / "mnist_test_label_issues.json"


@dataclass(frozen=True)
class HumanLabel:
    """What a majority of five people read in one MNIST test digit.

    `given_label` is the dataset's label, `majority_label` the digit that at least three of the five
    confirmed, None if no digit has so many.
    """

    index: int
    given_label: int
    majority_label: int | None

    @property
    def is_label_issue(self) -> bool:
        """Whether no majority confirmed the given label."""
        return self.majority_label != self.given_label

    @property
    def sentence(self) -> str:
        """Describe in a few words what people read."""
        if self.majority_label is None:
            return f"no majority for {self.given_label} or any other"
        if self.is_label_issue:
            return f"most read {self.majority_label}"
        return f"most confirm the label {self.given_label}"


def human_labels(dataset: str, split: SplitName) -> Mapping[int, HumanLabel]:
    """What people read in digits of a split, where they were asked.

    Args:
        dataset: The dataset's name.
        split: One of its splits.

    Returns:
        By the index of the digit; empty but for MNIST's test set. Nobody was asked about the
        sample: its digits are MNIST training digits.
    """
    return _mnist_test() if (dataset, split) == ("mnist", "test") else MappingProxyType({})


@lru_cache(maxsize=1)
def _mnist_test() -> Mapping[int, HumanLabel]:
    rows = json.loads(_FILE.read_text(encoding="utf-8"))["rows"]
    return MappingProxyType({row[0]: HumanLabel(*row) for row in rows})


CONFIDENT_LEARNING_PAPER: Final = "https://arxiv.org/abs/1911.00068"
NO_CLASS: Final = -1
"""The class of a digit of which no class is confident."""
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class LabelIssue:
    """A test digit whose label the runs contradict.

    Attributes:
        index: position in the test split.
        label: the dataset's label, 0 to 9.
        predicted: answer by the runs' mean probabilities, 0 to 9.
        probability: mean probability of that answer, 0 to 1.
        agreeing: number of runs that give this answer themselves.
        confident: number of runs that give it confidently (`confident_classes`).
        runs: number of runs.
    """

    index: int
    label: int
    predicted: int
    probability: float
    agreeing: int
    confident: int
    runs: int


def find_label_issues(dataset: str) -> tuple[LabelIssue, ...]:
    """The test digits whose label the shipped runs together contradict, most confidently first.

    Raises DatasetError if the dataset cannot be loaded, RunError if no shipped run has answers on
    its test digits without having learned from them.
    """
    shipped = [run for run in registry.list_shipped() if isinstance(run, Run)]
    held_out = [run for run in shipped if run.info.provenance.held_out(dataset)]
    return _suspects(dataset, tuple(Network(run) for run in held_out))


def label_issue_indices(dataset: str) -> frozenset[int] | None:
    """Indices of the label issues among the test digits; None if they cannot be computed."""
    try:
        return frozenset(issue.index for issue in find_label_issues(dataset))
    except DigitscopeError:
        return None


def rank_label_issues(
    labels: NDArray[Any], run_probabilities: NDArray[Any]
) -> tuple[LabelIssue, ...]:
    """The digits whose label the mean of the answers contradicts, the smallest margin first.

    Args:
        labels: whole numbers, (n,), each class at least once.
        run_probabilities: (runs, n, classes).

    Returns:
        The label issues; of equals, the lower index comes first.

    Example:
        >>> probabilities = np.array([[[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]])
        >>> [issue.index for issue in rank_label_issues(np.array([0, 0, 1]), probabilities)]
        [1]
    """
    mean = run_probabilities.mean(axis=0, dtype=np.float64)
    margin = label_margins(labels, mean)
    order = np.argsort(margin, kind="stable")
    predicted, run_predictions = mean.argmax(axis=1), run_probabilities.argmax(axis=2)
    agreeing = run_predictions == predicted
    confident = agreeing & (
        predicted
        == [confident_classes(labels, probabilities) for probabilities in run_probabilities]
    )
    return tuple(
        LabelIssue(
            index=k,
            label=int(labels[k]),
            predicted=int(predicted[k]),
            probability=float(mean[k, predicted[k]]),
            agreeing=int(agreeing[:, k].sum()),
            confident=int(confident[:, k].sum()),
            runs=len(run_probabilities),
        )
        for k in order[margin[order] < 0].tolist()
    )


def class_thresholds(labels: NDArray[Any], probabilities: NDArray[Any]) -> Floats:
    """The mean probability of each class on the digits with its label, (classes,).

    `labels`: whole numbers, (n,), each class at least once; `probabilities`: (n, classes).
    """
    classes = probabilities.shape[1]
    label_probabilities = _of_label(labels, probabilities)
    return np.bincount(labels, label_probabilities, classes) / np.bincount(
        labels, minlength=classes
    )


def confident_classes(labels: NDArray[Any], probabilities: NDArray[Any]) -> Ints:
    """Of each digit, the likeliest of the classes that reach their threshold, or `NO_CLASS`, (n,).

    Counted by label and class, these are the paper's confident joint; the digits off its diagonal,
    confidently of another class than their label, are what it counts as label issues.
    """
    reached = probabilities >= class_thresholds(labels, probabilities)
    likeliest = np.where(reached, probabilities, -1.0).argmax(axis=1)
    return np.where(reached.any(axis=1), likeliest, NO_CLASS)


def label_margins(labels: NDArray[Any], probabilities: NDArray[Any]) -> Floats:
    """The paper's normalized margin: a label's probability less the largest other one, (n,).

    From -1, sure of another class, to 1.
    """
    others = probabilities.astype(np.float64)
    np.put_along_axis(others, _column(labels), -1.0, axis=1)
    return _of_label(labels, probabilities) - others.max(axis=1)


@lru_cache(maxsize=4)
def _suspects(dataset: str, shipped: tuple[Network, ...]) -> tuple[LabelIssue, ...]:
    """Worked out once for these networks."""
    labels = split_of(dataset, "test").labels
    stored = [network.run.predictions(dataset) for network in shipped]
    answers = [
        predictions.probabilities
        for predictions in stored
        if predictions and np.array_equal(predictions.labels, labels)
    ]
    if not answers:
        raise RunError(
            "No shipped run has answers on these test digits, so nobody contradicts their labels. "
            "Restore the folder `models`, or choose the other digits."
        )
    return rank_label_issues(labels, np.array(answers))


def _of_label(labels: NDArray[Any], probabilities: NDArray[Any]) -> Floats:
    chosen = np.take_along_axis(probabilities, _column(labels), axis=1)
    return chosen[:, 0].astype(np.float64)


def _column(labels: NDArray[Any]) -> Ints:
    return labels.astype(np.intp)[:, None]
