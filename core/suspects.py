"""Label suspects: test digits whose label the shipped runs contradict most confidently.

Confident learning: C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident Learning: Estimating
Uncertainty in Dataset Labels", Journal of Artificial Intelligence Research 70 (2021), 1373 to 1411,
arXiv:1911.00068. It wants probabilities from networks that have not learnt from the digits
("out-of-sample"), so only test digits are looked at, and only runs that never saw them are asked.
Their probabilities are averaged and the digits ranked by the paper's normalised margin: together
the runs are never so sure of a wrong answer that the confident joint would count a digit, and each
of them alone finds fewer of the labels that people refuted (benchmarks/label_suspects.py).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core import runs
from core.digit_stats import split_of
from core.errors import DigitscopeError, RunError
from core.runs import Network, Run

METHOD_PAPER: Final = "https://arxiv.org/abs/1911.00068"
NONE: Final = -1
"""The class of a digit of which no class is confident."""

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]


@dataclass(frozen=True)
class Suspect:
    """A test digit whose label the runs contradict.

    `read`: what the runs' mean probabilities answer, `sure` that mean, 0 to 1; `agree`: how many of
    the `asked` runs answer so themselves; `confident`: how many of these do so confidently
    (`confident_classes`).
    """

    index: int
    label: int
    read: int
    sure: float
    agree: int
    confident: int
    asked: int


def find_suspects(dataset: str) -> tuple[Suspect, ...]:
    """The test digits whose label the shipped runs together contradict, most confidently first.

    Raises DatasetError if the dataset cannot be loaded, RunError if no shipped run has answers on
    its test digits without having learnt from them.
    """
    shipped = [run for run in runs.list_shipped() if isinstance(run, Run)]
    held_out = [run for run in shipped if run.info.provenance.held_out(dataset)]
    return _suspects(dataset, tuple(Network(run) for run in held_out))


def suspect_indices(dataset: str) -> frozenset[int] | None:
    """Which test digits these are, by their index; None where nobody can say."""
    try:
        return frozenset(one.index for one in find_suspects(dataset))
    except DigitscopeError:
        return None


def ranked(labels: NDArray[Any], answers: NDArray[Any]) -> tuple[Suspect, ...]:
    """The digits whose label the mean of the answers contradicts, the smallest margin first.

    `labels`: whole numbers, (n,), each class at least once; `answers`: probabilities, (runs, n,
    classes). Of equals, the lower index comes first.
    """
    mean = answers.mean(axis=0, dtype=np.float64)
    margin = margins(labels, mean)
    order = np.argsort(margin, kind="stable")
    read, each = mean.argmax(axis=1), answers.argmax(axis=2)
    agrees = each == read
    surely = agrees & (read == [confident_classes(labels, one) for one in answers])
    return tuple(
        Suspect(
            index=k,
            label=int(labels[k]),
            read=int(read[k]),
            sure=float(mean[k, read[k]]),
            agree=int(agrees[:, k].sum()),
            confident=int(surely[:, k].sum()),
            asked=len(answers),
        )
        for k in order[margin[order] < 0].tolist()
    )


def thresholds(labels: NDArray[Any], probabilities: NDArray[Any]) -> Floats:
    """Of each class, the mean probability of it on the digits that are labelled so, (classes,).

    `labels`: whole numbers, (n,), each class at least once; `probabilities`: (n, classes).
    """
    classes = probabilities.shape[1]
    own = _of_label(labels, probabilities)
    return np.bincount(labels, own, classes) / np.bincount(labels, minlength=classes)


def confident_classes(labels: NDArray[Any], probabilities: NDArray[Any]) -> Whole:
    """Of each digit, the likeliest of the classes that reach their threshold, or NONE, (n,).

    Counted by label and class, these are the paper's confident joint; the digits off its diagonal,
    confidently of another class than their label, are what it counts as label issues.
    """
    reached = probabilities >= thresholds(labels, probabilities)
    likeliest = np.where(reached, probabilities, -1.0).argmax(axis=1)
    return np.where(reached.any(axis=1), likeliest, NONE)


def margins(labels: NDArray[Any], probabilities: NDArray[Any]) -> Floats:
    """The paper's normalised margin: a label's probability less the largest other one, (n,).

    From -1, sure of another class, to 1.
    """
    others = probabilities.astype(np.float64)
    np.put_along_axis(others, _column(labels), -1.0, axis=1)
    return _of_label(labels, probabilities) - others.max(axis=1)


@lru_cache(maxsize=4)
def _suspects(dataset: str, shipped: tuple[Network, ...]) -> tuple[Suspect, ...]:
    """Worked out once for these networks."""
    labels = split_of(dataset, "test").labels
    stored = [network.run.predictions(dataset) for network in shipped]
    answers = [one.probabilities for one in stored if one and np.array_equal(one.labels, labels)]
    if not answers:
        raise RunError(
            "No shipped run has answers on these test digits, so nobody contradicts their labels. "
            "Restore the folder `models`, or choose the other digits."
        )
    return ranked(labels, np.array(answers))


def _of_label(labels: NDArray[Any], probabilities: NDArray[Any]) -> Floats:
    chosen = np.take_along_axis(probabilities, _column(labels), axis=1)
    return chosen[:, 0].astype(np.float64)


def _column(labels: NDArray[Any]) -> Whole:
    return labels.astype(np.intp)[:, None]
