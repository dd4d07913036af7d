"""Which digits are shown, and in which order: filters and orders over a whole split, at once."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.answered import Answered, stored
from core.datasets import CLASSES
from core.digit_stats import SplitName, ink, likeness, split_of
from core.errors import DatasetError
from core.evaluation import UNSURE_BELOW
from core.runs import Network, Run

Answer = Literal["any", "right", "wrong", "unsure"]
ANSWERS: Final[tuple[Answer, ...]] = get_args(Answer)
Order = Literal["index", "ink", "likeness", "confidence"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
MOST_INK: Final = 100.0

_TEST_ONLY: Final = (
    "A run's answers are kept for the test digits only: on digits that it has learnt from they "
    "would say little. Choose the test split."
)


@dataclass(frozen=True)
class Query:
    """What a visitor wants to see of a split; the defaults leave nothing out.

    `labels` and `predicted`: digits 0 to 9, empty for all. `least_ink` and `most_ink` in percent.
    `answer`, `predicted` and the order "confidence" are about what `asked`, a finished network,
    answers.
    """

    dataset: str = "mnist-sample"
    split: SplitName = "train"
    labels: tuple[int, ...] = ()
    least_ink: float = 0.0
    most_ink: float = MOST_INK
    asked: Network | None = None
    answer: Answer = "any"
    predicted: tuple[int, ...] = ()
    order: Order = "index"
    descending: bool = False

    @property
    def asks_a_run(self) -> bool:
        """Whether a run's answers are needed."""
        return self.answer != "any" or bool(self.predicted) or self.order == "confidence"


def find(query: Query) -> NDArray[np.intp]:
    """The indices within the split of the digits that are asked for, in their order.

    Of equals, the lower index comes first, also in a descending order. Raises DatasetError if the
    dataset cannot be loaded or a run's answers are asked for that were not kept, RunError if they
    are damaged, ValueError if it is not said whose answers are meant.
    """
    split = split_of(query.dataset, query.split)
    chosen = np.ones(len(split), np.bool_)
    if query.labels:
        chosen &= _one_of(split.labels, query.labels)
    if (query.least_ink, query.most_ink) != (0.0, MOST_INK):
        amount = ink(query.dataset, query.split)
        chosen &= (amount >= query.least_ink) & (amount <= query.most_ink)
    answers = _asked(query) if query.asks_a_run else None
    if answers:
        chosen &= _answered(query, answers, split.labels)
    return _ordered(query, np.flatnonzero(chosen), answers)


def answers_of(run: Run, dataset: str, split: SplitName) -> Answered:
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
    return stored(run, dataset)


def _asked(query: Query) -> Answered:
    if query.split == "train":
        raise DatasetError(_TEST_ONLY)
    if query.asked is None:
        raise ValueError("whose answers are asked for?")
    return answers_of(query.asked.run, query.dataset, query.split)


def page_with(found: NDArray[np.intp], index: int, page_size: int) -> int | None:
    """The page, from 1, on which the digit with this index stands; None if it is not among them."""
    places = np.flatnonzero(found == index)
    return int(places[0]) // page_size + 1 if len(places) else None


def _one_of(values: NDArray[np.uint8], wanted: tuple[int, ...]) -> NDArray[np.bool_]:
    table = np.zeros(CLASSES, np.bool_)
    table[list(wanted)] = True
    return table[values]


def _answered(query: Query, answers: Answered, labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    chosen = np.ones(len(labels), np.bool_)
    if query.answer in {"right", "wrong"}:
        chosen &= (answers.predicted == labels) == (query.answer == "right")
    elif query.answer == "unsure":
        chosen &= answers.confidence < UNSURE_BELOW
    if query.predicted:
        chosen &= _one_of(answers.predicted, query.predicted)
    return chosen


def _ordered(query: Query, found: NDArray[np.intp], answers: Answered | None) -> NDArray[np.intp]:
    if query.order == "index":
        return found[::-1] if query.descending else found
    if query.order == "confidence" and answers:
        values = answers.confidence
    else:
        table = ink if query.order == "ink" else likeness
        values = table(query.dataset, query.split)
    sign = -1 if query.descending else 1
    return found[np.argsort(sign * values[found], kind="stable")]
