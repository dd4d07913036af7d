"""What a network answered on labelled digits: what all that is said of its mistakes is made of."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from core.arrays import read_only
from core.datasets import CLASSES
from core.digit_stats import split_of
from core.errors import DatasetError, RunError
from core.runs import Network, Predictions, Run


class NoAnswersError(DatasetError):
    """A run whose answers on a dataset's test digits were not kept."""


@dataclass(frozen=True, eq=False)
class Answered:
    """A network's answers on labelled digits; all arrays are shared and read-only.

    Attributes:
        network: who answers.
        dataset: "mnist", "mnist-sample" (their test digits), or "mine" (the visitor's own).
        images: uint8 (n, 28, 28); digit k is number k of the dataset's test digits.
        labels: uint8 (n,), 0 to 9.
        probabilities: float32 (n, 10), finite, each row sums to 1.
        held_out: whether the network was not trained on any of these digits.
    """

    network: Network
    dataset: str
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    held_out: bool

    @property
    def run(self) -> Run:
        """The run whose network answers."""
        return self.network.run

    @property
    def epoch(self) -> int | None:
        """After which epoch, counted from 1; None for the finished network."""
        return self.network.epoch

    @property
    def who(self) -> str:
        """The run, and its epoch if it is not the finished network, for sentences."""
        return self.network.name

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def predicted(self) -> NDArray[np.uint8]:
        """The answers: the digit with the largest probability, the smaller one of equals. (n,)."""
        return read_only(self.probabilities.argmax(axis=1).astype(np.uint8))

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of the answer, 0.1 to 1. (n,)."""
        return read_only(self.probabilities.max(axis=1))

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether the answer is the label. (n,)."""
        return read_only(self.predicted == self.labels)


def check(who: str, answers: Predictions) -> None:
    """Raise RunError unless stored answers can be counted: ten finite probabilities for a label."""
    labels, found = answers.labels, answers.probabilities
    fits = labels.ndim == 1 and found.shape == (len(labels), CLASSES) and len(labels) > 0
    if not fits or labels.min() < 0 or labels.max() >= CLASSES:
        raise RunError(
            f"The stored answers of {who} are damaged: they are not ten probabilities for each "
            "digit. Choose another run, or train this one again."
        )
    if not np.isfinite(found).all():
        raise RunError(
            f"The stored answers of {who} hold numbers that are not finite: its training diverged. "
            "Choose another run, or train it again with a smaller learning rate."
        )


def stored(run: Run, dataset: str) -> Answered:
    """Read what the finished network of a run answered on a dataset's test digits.

    Args:
        run: whose network was tested at the end of its training.
        dataset: whose test digits.

    Returns:
        The answers; each time the same object.

    Raises:
        RunError: the answers are damaged.
        NoAnswersError: the run has none on these digits.
        DatasetError: the dataset cannot be loaded.
    """
    return _read(Network(run), dataset)


@lru_cache(maxsize=32)
def _read(network: Network, dataset: str) -> Answered:
    """Read once for each network of a run, so that the same answers are the same object.

    That there are none is not remembered: a training writes them after its network.
    """
    run = network.run
    answers, digits = run.predictions(dataset), split_of(dataset, "test")
    if answers is None:
        raise _none(run)
    check(run.id, answers)
    if not np.array_equal(answers.labels, digits.labels):
        raise _none(run)
    held_out = run.info.provenance.held_out(dataset)
    probabilities = read_only(answers.probabilities)
    return Answered(network, dataset, digits.images, digits.labels, probabilities, held_out)


def _none(run: Run) -> NoAnswersError:
    return NoAnswersError(
        f"The run {run.id!r} has no answers on these test digits. Choose another run."
    )
