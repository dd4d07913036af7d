"""What a network answered on labeled digits: what all that is said of its mistakes is made of.

The sample's test digits that networks find hardest, and the mistakes that a network makes.

What stored answers say about a run. Nothing here needs TensorFlow.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.data.mnist import CLASSES
from core.data.statistics import split_of
from core.runs import registry
from core.runs.run import Metrics, Network, Run, StoredPredictions
from core.utils.errors import DatasetError, RunError
from core.utils.validation import read_only


class NoPredictionsError(DatasetError):
    """A run whose answers on a dataset's test digits were not kept."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """A network's answers on labeled digits; all arrays are shared and read-only.

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
    def name(self) -> str:
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
    def correct(self) -> NDArray[np.bool_]:
        """Whether the answer is the label. (n,)."""
        return read_only(self.predicted == self.labels)


def check_predictions(who: str, answers: StoredPredictions) -> None:
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


def load_predictions(run: Run, dataset: str) -> Predictions:
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
def _read(network: Network, dataset: str) -> Predictions:
    """Read once for each network of a run, so that the same answers are the same object.

    That there are none is not remembered: a training writes them after its network.
    """
    run = network.run
    answers, digits = run.predictions(dataset), split_of(dataset, "test")
    if answers is None:
        raise _none(run)
    check_predictions(run.id, answers)
    if not np.array_equal(answers.labels, digits.labels):
        raise _none(run)
    held_out = run.info.provenance.held_out(dataset)
    probabilities = read_only(answers.probabilities)
    return Predictions(network, dataset, digits.images, digits.labels, probabilities, held_out)


def _none(run: Run) -> NoPredictionsError:
    return NoPredictionsError(
        f"The run {run.id!r} has no answers on these test digits. Choose another run."
    )


# Keras clips probabilities here before it takes the logarithm (keras.config.epsilon()).
_SMALLEST = 1e-7


def score_predictions(answer: StoredPredictions, *, held_out: bool) -> Metrics:
    """Count the errors and average the cross-entropy (in nats) of answers on labeled digits."""
    labels = answer.labels.astype(int)
    right = answer.probabilities.argmax(axis=1) == labels
    of_truth = answer.probabilities[np.arange(len(labels)), labels]
    loss = -np.log(np.clip(of_truth.astype(np.float64), _SMALLEST, 1)).mean()
    return Metrics(n=len(labels), wrong=int((~right).sum()), loss=float(loss), held_out=held_out)


HARD_TEST_DIGITS: Final = 1000


def hardest_digits(count: int = 24) -> tuple[int, ...]:
    """Indices into the sample's 1,000 test digits, the hardest first.

    Hard is a digit to whose true class the shipped runs give a low probability, on average. Without
    shipped runs they are the first `count`. Raises ValueError unless 0 <= count <= 1,000.
    """
    if not 0 <= count <= HARD_TEST_DIGITS:
        raise ValueError(f"there are {HARD_TEST_DIGITS} test digits in the sample, not {count}")
    shipped = [run for run in registry.list_shipped() if isinstance(run, Run)]
    return _hardest_first(tuple(Network(run) for run in shipped))[:count]


def confused_pairs(
    labels: NDArray[Any], answers: NDArray[Any], most: int = 5
) -> tuple[tuple[int, int, int], ...]:
    """The most frequent mistakes: (true digit, answer, how often), the most frequent first.

    `labels` and `answers`: whole numbers, (n,) each. Equal counts stand in the order of the digits.
    """
    pairs = Counter((int(t), int(a)) for t, a in zip(labels, answers, strict=True) if t != a)
    ordered = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((truth, answer, often) for (truth, answer), often in ordered[:most])


@lru_cache(maxsize=4)
def _hardest_first(shipped: tuple[Network, ...]) -> tuple[int, ...]:
    """Worked out once for these networks."""
    of_truth = list(_of_truth(network.run for network in shipped))
    if not of_truth:
        return tuple(range(HARD_TEST_DIGITS))
    # A stable sort: equal ones stay in order, on every machine.
    return tuple(np.argsort(np.mean(of_truth, axis=0), kind="stable").tolist())


def _of_truth(shipped: Iterable[Run]) -> Iterator[NDArray[np.float64]]:
    """For each run that has answers on the sample: its probability of the true digit, (1000,)."""
    for run in shipped:
        answers = run.predictions("mnist-sample")
        if answers is not None and answers.probabilities.shape == (HARD_TEST_DIGITS, 10):
            rows = np.arange(HARD_TEST_DIGITS)
            yield answers.probabilities[rows, answers.labels.astype(int)].astype(np.float64)
