"""What a network answered on labelled digits: what all that is said of its mistakes is made of."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import runs
from core.arrays import read_only
from core.datasets import CLASSES
from core.digit_stats import split_of
from core.errors import DatasetError, RunError
from core.runs import Predictions


class NoAnswersError(DatasetError):
    """A run whose answers on a dataset's test digits were not kept."""


@dataclass(frozen=True, eq=False)
class Answered:
    """A network's answers on labelled digits; all arrays are shared and read-only.

    Attributes:
        run: the run's id.
        epoch: after which epoch, counted from 1; None for the finished network.
        dataset: "mnist", "mnist-sample" (their test digits), or "mine" (the visitor's own).
        images: uint8 (n, 28, 28); digit k is number k of the dataset's test digits.
        labels: uint8 (n,), 0 to 9.
        probabilities: float32 (n, 10), finite, each row sums to 1.
        held_out: whether the network was not trained on any of these digits.
    """

    run: str
    epoch: int | None
    dataset: str
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    held_out: bool

    @property
    def who(self) -> str:
        """The run, and its epoch if it is not the finished network, for sentences."""
        return self.run if self.epoch is None else f"{self.run} (epoch {self.epoch})"

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


def stored(run_id: str, dataset: str) -> Answered:
    """What the finished network of a run answered on a dataset's test digits.

    Raises RunError if there is no such run or its answers are damaged, NoAnswersError if it
    has none on these digits, DatasetError if the dataset cannot be loaded.
    """
    run = runs.find(run_id)
    return _read(run.folder, run.info.model_sha256, dataset)


@lru_cache(maxsize=32)
def _read(folder: Path, _network: str, dataset: str) -> Answered:
    """Read once for each network of a run, so that the same answers are the same object.

    That there are none is not remembered: a training writes them after its network.
    """
    run = runs.read(folder)
    answers, digits = run.predictions(dataset), split_of(dataset, "test")
    if answers is None:
        raise _none(run.id)
    check(run.id, answers)
    if not np.array_equal(answers.labels, digits.labels):
        raise _none(run.id)
    held_out = run.info.provenance.held_out(dataset)
    probabilities = read_only(answers.probabilities)
    return Answered(run.id, None, dataset, digits.images, digits.labels, probabilities, held_out)


def _none(run_id: str) -> NoAnswersError:
    return NoAnswersError(
        f"The run {run_id!r} has no answers on these test digits. Choose another run."
    )
