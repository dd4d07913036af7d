"""What a network answered on labeled digits: the basis of all figures about its mistakes.

`load_predictions` gives the stored answers of a run on the test digits of a dataset;
`score_predictions` counts errors and averages the loss. `hardest_digits` are the sample's test
digits that the shipped runs find hardest, `confused_pairs` the most frequent mistakes. Nothing here
needs TensorFlow.
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
    """A run has no stored answers on a dataset's test digits."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """A network's answers on labeled digits; all arrays are shared and read-only.

    Attributes:
        network: whose answers they are.
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
        """The answers (n,): the digit with the largest probability, the smallest of equals."""
        return read_only(self.probabilities.argmax(axis=1).astype(np.uint8))

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of each answer (n,), 0.1 to 1."""
        return read_only(self.probabilities.max(axis=1))

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each answer is the label (n,)."""
        return read_only(self.predicted == self.labels)


def check_predictions(name: str, answers: StoredPredictions) -> None:
    """Check that stored answers are ten finite probabilities for each label.

    Args:
        name: of the run, for the error.
        answers: what its file holds.

    Raises:
        RunError: they are not.
    """
    labels, probabilities = answers.labels, answers.probabilities
    fits = labels.ndim == 1 and probabilities.shape == (len(labels), CLASSES) and len(labels) > 0
    if not fits or labels.min() < 0 or labels.max() >= CLASSES:
        raise RunError(
            f"The stored answers of {name} are damaged: they are not ten probabilities for each "
            "digit. Choose another run, or train this one again."
        )
    if not np.isfinite(probabilities).all():
        raise RunError(
            f"The stored answers of {name} hold numbers that are not finite: its training "
            "diverged. Choose another run, or train it again with a smaller learning rate."
        )


def load_predictions(run: Run, dataset: str) -> Predictions:
    """Read what the finished network of a run answered on a dataset's test digits.

    Args:
        run: whose network was tested at the end of its training.
        dataset: "mnist" or "mnist-sample".

    Returns:
        The answers; the same object for each call.

    Raises:
        RunError: the answers are damaged.
        NoPredictionsError: the run has none on these digits.
        DatasetError: the dataset cannot be loaded.

    Example:
        >>> from core.runs.registry import find_run
        >>> predictions = load_predictions(find_run("best"), "mnist-sample")
        >>> (len(predictions), predictions.name, predictions.probabilities.shape)
        (1000, 'best', (1000, 10))
    """
    return _load(Network(run), dataset)


@lru_cache(maxsize=32)
def _load(network: Network, dataset: str) -> Predictions:
    """Read once for each network of a run, so that the same answers are the same object.

    An error is not cached: a training writes the answers after its network.
    """
    run = network.run
    answers, digits = run.predictions(dataset), split_of(dataset, "test")
    if answers is None:
        raise _no_predictions(run)
    check_predictions(run.id, answers)
    if not np.array_equal(answers.labels, digits.labels):
        raise _no_predictions(run)
    held_out = run.info.provenance.held_out(dataset)
    probabilities = read_only(answers.probabilities)
    return Predictions(network, dataset, digits.images, digits.labels, probabilities, held_out)


def _no_predictions(run: Run) -> NoPredictionsError:
    return NoPredictionsError(
        f"The run {run.id!r} has no answers on these test digits. Choose another run."
    )


# Keras clips probabilities here before it takes the logarithm (keras.config.epsilon()).
_SMALLEST = 1e-7


def score_predictions(answer: StoredPredictions, *, held_out: bool) -> Metrics:
    """Count the errors and average the cross-entropy of answers on labeled digits.

    Args:
        answer: labels and probabilities.
        held_out: whether none of the digits was trained on.

    Returns:
        The metrics; the loss is in nats.
    """
    labels = answer.labels.astype(int)
    correct = answer.probabilities.argmax(axis=1) == labels
    true_probabilities = answer.probabilities[np.arange(len(labels)), labels]
    loss = -np.log(np.clip(true_probabilities.astype(np.float64), _SMALLEST, 1)).mean()
    return Metrics(n=len(labels), wrong=int((~correct).sum()), loss=float(loss), held_out=held_out)


_HARD_TEST_DIGITS: Final = 1000


def hardest_digits(count: int = 24) -> tuple[int, ...]:
    """The test digits of the sample that networks find hardest.

    Those are the digits to whose true class the shipped runs give the lowest mean probability.

    Args:
        count: how many, 0 to 1,000.

    Returns:
        Indices into the sample's 1,000 test digits, the hardest first; without shipped runs the
        first `count`.

    Raises:
        ValueError: `count` is out of its range.
    """
    if not 0 <= count <= _HARD_TEST_DIGITS:
        raise ValueError(f"there are {_HARD_TEST_DIGITS} test digits in the sample, not {count}")
    shipped = [run for run in registry.list_shipped() if isinstance(run, Run)]
    return _hardest_first(tuple(Network(run) for run in shipped))[:count]


def confused_pairs(
    labels: NDArray[Any], answers: NDArray[Any], most: int = 5
) -> tuple[tuple[int, int, int], ...]:
    """The most frequent mistakes.

    Args:
        labels: the true digits, integers (n,).
        answers: what was read, integers (n,).
        most: how many pairs at most.

    Returns:
        (true digit, answer, count), the most frequent first, equal counts in the order of digits.

    Example:
        >>> confused_pairs(np.array([4, 4, 7, 1]), np.array([9, 9, 1, 1]))
        ((4, 9, 2), (7, 1, 1))
    """
    pairs = Counter((int(t), int(a)) for t, a in zip(labels, answers, strict=True) if t != a)
    ordered = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((truth, answer, count) for (truth, answer), count in ordered[:most])


@lru_cache(maxsize=4)
def _hardest_first(shipped: tuple[Network, ...]) -> tuple[int, ...]:
    """Computed once for these networks."""
    probabilities = list(_true_probabilities(network.run for network in shipped))
    if not probabilities:
        return tuple(range(_HARD_TEST_DIGITS))
    # A stable sort: equal digits stay in order, on every machine.
    return tuple(np.argsort(np.mean(probabilities, axis=0), kind="stable").tolist())


def _true_probabilities(shipped: Iterable[Run]) -> Iterator[NDArray[np.float64]]:
    """Of each run that has answers on the sample: its probabilities of the true digits, (1000,)."""
    for run in shipped:
        answers = run.predictions("mnist-sample")
        if answers is not None and answers.probabilities.shape == (_HARD_TEST_DIGITS, 10):
            rows = np.arange(_HARD_TEST_DIGITS)
            yield answers.probabilities[rows, answers.labels.astype(int)].astype(np.float64)
