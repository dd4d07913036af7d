"""The confusion matrix: which digits were taken for which, how often, and which ones these are."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.answered import Answered
from core.arrays import read_only
from core.datasets import CLASSES
from core.hard_digits import confusions
from core.text import NAMES, PLURALS, a_digit

Counts = NDArray[np.intp]
By = Literal["row", "column"]


def counts(labels: NDArray[Any], predicted: NDArray[Any]) -> Counts:
    """How often each digit was read as each: true labels down, predictions across, int (10, 10).

    `labels` and `predicted`: whole numbers from 0 to 9, (n,) each; n may be 0. Raises ValueError
    for others.
    """
    true, read = labels.astype(np.intp), predicted.astype(np.intp)
    for digits in (true, read):
        if digits.size and (digits.min() < 0 or digits.max() >= CLASSES):
            raise ValueError("a digit is a whole number from 0 to 9")
    pairs = np.bincount(true * CLASSES + read, minlength=CLASSES**2)
    return pairs.reshape(CLASSES, CLASSES)


@lru_cache(maxsize=8)
def counts_of(this: Answered) -> Counts:
    """The same of a network's answers; counted once, shared and read-only."""
    found = counts(this.labels, this.predicted)
    return read_only(found)


def shares(found: Counts, by: By) -> NDArray[np.float64]:
    """Each cell as a part of its row (what became of a digit) or column (what an answer was).

    0 to 1, float64 (10, 10). A row or column without digits is all 0.
    """
    totals = found.sum(axis=1 if by == "row" else 0, keepdims=True)
    empty = np.zeros(found.shape)
    return np.divide(found, totals, out=empty, where=totals > 0)


def similarity_order(found: Counts) -> tuple[int, ...]:
    """The ten digits in an order in which those that are often confused stand side by side.

    Two digits are as alike as the mean of the parts of each that were read as the other. They are
    clustered by average linkage, and of all orders that keep every cluster together the one is
    taken whose neighbours are most alike (optimal leaf ordering: Bar-Joseph, Gifford and Jaakkola,
    "Fast optimal leaf ordering for hierarchical clustering", 2001). The smaller of the two ends
    comes first; without a mistake it is 0 to 9.
    """
    parts = shares(found, "row")
    alike = (parts + parts.T) / 2
    np.fill_diagonal(alike, 0)
    if not alike.any():
        return tuple(range(CLASSES))
    from scipy.cluster.hierarchy import leaves_list, linkage  # 0.4 s: not before it is needed

    upper = np.triu_indices(CLASSES, 1)
    # Only differences of distances count, so the most alike pair may be at distance 0.
    distances = alike.max() - alike[upper]
    leaves = leaves_list(linkage(distances, "average", optimal_ordering=True)).tolist()
    return tuple(leaves if leaves[0] < leaves[-1] else leaves[::-1])


def surest_first(this: Answered, which: NDArray[np.intp]) -> NDArray[np.intp]:
    """These indices, those with the most confident answers first; equals as they were."""
    return which[np.argsort(-this.confidence[which], kind="stable")]


def cell(
    this: Answered, true: int | None, read: int | None, *, wrong_only: bool = False
) -> NDArray[np.intp]:
    """Which digits are in a cell of the matrix, the most confident answers first, int (n,).

    `true`: the row; `read`: the column; None for all of them. `wrong_only`: without the diagonal.
    """
    chosen = ~this.right if wrong_only else np.ones(len(this), np.bool_)
    if true is not None:
        chosen = chosen & (this.labels == true)
    if read is not None:
        chosen = chosen & (this.predicted == read)
    return surest_first(this, np.flatnonzero(chosen))


def top_confusions(this: Answered, most: int = 5) -> tuple[tuple[int, int, int], ...]:
    """The most frequent mistakes: (true digit, answer, how often), the most frequent first."""
    wrong = ~this.right
    return confusions(this.labels[wrong], this.predicted[wrong], most)


@lru_cache(maxsize=20)
def ordinary(this: Answered, digit: int) -> int | None:
    """The index of a digit as most people write it; None if none of this class was read rightly.

    Of those that were read rightly it is the most like the class's mean picture (by the cosine).
    """
    of_class = this.images[this.labels == digit]
    candidates = np.flatnonzero((this.labels == digit) & this.right)
    if not len(candidates):
        return None
    mean = of_class.reshape(len(of_class), -1).mean(axis=0, dtype=np.float32)
    pixels = this.images[candidates].reshape(len(candidates), -1).astype(np.float32)
    lengths = np.maximum(np.linalg.norm(pixels, axis=1), 1)  # a blank picture has none
    return int(candidates[np.argmax(pixels @ mean / lengths)])


def cell_sentence(found: Counts, true: int, read: int) -> str:
    """A cell in words: "Of 1,009 nines, 12 were read as fours." `true`, `read`: 0 to 9."""
    total, often = int(found[true].sum()), int(found[true, read])
    many, one = PLURALS[read], a_digit(read)
    if not total:
        return f"There are no {PLURALS[true]} among these digits."
    if total == 1:
        return f"The only {NAMES[true]} was {'' if often else 'not '}read as {one}."
    if often == total:
        return f"All {total:,} {PLURALS[true]} were read as {many}."
    if not often:
        return f"None of the {total:,} {PLURALS[true]} was read as {one}."
    if often == 1:
        return f"Of {total:,} {PLURALS[true]}, 1 was read as {one}."
    return f"Of {total:,} {PLURALS[true]}, {often:,} were read as {many}."
