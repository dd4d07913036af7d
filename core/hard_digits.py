"""The sample's test digits that networks find hardest, and the mistakes that a network makes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core import runs
from core.runs import Network, Run

TEST_DIGITS: Final = 1000


def hard_digits(count: int = 24) -> tuple[int, ...]:
    """Indices into the sample's 1,000 test digits, the hardest first.

    Hard is a digit to whose true class the shipped runs give a low probability, on average. Without
    shipped runs they are the first `count`. Raises ValueError unless 0 <= count <= 1,000.
    """
    if not 0 <= count <= TEST_DIGITS:
        raise ValueError(f"there are {TEST_DIGITS} test digits in the sample, not {count}")
    shipped = [run for run in runs.list_shipped() if isinstance(run, Run)]
    return _hardest_first(tuple(Network(run) for run in shipped))[:count]


def confusions(
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
        return tuple(range(TEST_DIGITS))
    # A stable sort: equal ones stay in order, on every machine.
    return tuple(np.argsort(np.mean(of_truth, axis=0), kind="stable").tolist())


def _of_truth(shipped: Iterable[Run]) -> Iterator[NDArray[np.float64]]:
    """For each run that has answers on the sample: its probability of the true digit, (1000,)."""
    for run in shipped:
        answers = run.predictions("mnist-sample")
        if answers is not None and answers.probabilities.shape == (TEST_DIGITS, 10):
            rows = np.arange(TEST_DIGITS)
            yield answers.probabilities[rows, answers.labels.astype(int)].astype(np.float64)
