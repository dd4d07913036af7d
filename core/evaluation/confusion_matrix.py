"""The confusion matrix: which digits were taken for which, how often, and which ones these are.

The confusion matrix as it is drawn: a text, a heat and a sentence for each of its cells.

Precision, recall and F1 of each digit: scikit-learn's numbers, and what they mean in words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.data.mnist import CLASSES
from core.runs.predictions import Predictions, confused_pairs
from core.utils.text import NAMES, PLURALS, a_digit, percent_of
from core.utils.validation import read_only

Counts = NDArray[np.intp]
Normalization = Literal["row", "column"]


def confusion_counts(labels: NDArray[Any], predicted: NDArray[Any]) -> Counts:
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
def count_confusions(this: Predictions) -> Counts:
    """The same of a network's answers; counted once, shared and read-only."""
    found = confusion_counts(this.labels, this.predicted)
    return read_only(found)


def normalized_shares(found: Counts, by: Normalization) -> NDArray[np.float64]:
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
    taken whose neighbors are most alike (optimal leaf ordering: Bar-Joseph, Gifford and Jaakkola,
    "Fast optimal leaf ordering for hierarchical clustering", 2001). The smaller of the two ends
    comes first; without a mistake it is 0 to 9.
    """
    parts = normalized_shares(found, "row")
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


def most_confident_first(this: Predictions, which: NDArray[np.intp]) -> NDArray[np.intp]:
    """These indices, those with the most confident answers first; equals as they were."""
    return which[np.argsort(-this.confidence[which], kind="stable")]


def cell_indices(
    this: Predictions, true: int | None, read: int | None, *, wrong_only: bool = False
) -> NDArray[np.intp]:
    """Which digits are in a cell of the matrix, the most confident answers first, int (n,).

    `true`: the row; `read`: the column; None for all of them. `wrong_only`: without the diagonal.
    """
    chosen = ~this.correct if wrong_only else np.ones(len(this), np.bool_)
    if true is not None:
        chosen = chosen & (this.labels == true)
    if read is not None:
        chosen = chosen & (this.predicted == read)
    return most_confident_first(this, np.flatnonzero(chosen))


def top_confusions(this: Predictions, most: int = 5) -> tuple[tuple[int, int, int], ...]:
    """The most frequent mistakes: (true digit, answer, how often), the most frequent first."""
    wrong = ~this.correct
    return confused_pairs(this.labels[wrong], this.predicted[wrong], most)


@lru_cache(maxsize=20)
def is_on_diagonal(this: Predictions, digit: int) -> int | None:
    """The index of a digit as most people write it; None if none of this class was read rightly.

    Of those that were read rightly it is the most like the class's mean picture (by the cosine).
    """
    of_class = this.images[this.labels == digit]
    candidates = np.flatnonzero((this.labels == digit) & this.correct)
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


_AVERAGES: Final = ("macro", "weighted")


@dataclass(frozen=True)
class ClassScores:
    """Of one digit, or averaged over digits; fractions 0 to 1.

    `precision`: how much of what was read as this digit is one. `recall`: how much of this digit
    was read as one. `f1`: the harmonic mean of the two. `support`: how many of it there are.
    A fraction of nothing is 0.
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class ClassReport:
    """The scores of the digits 0 to 9, their averages, and the accuracy, 0 to 1.

    `macro`: the plain mean; `weighted`: that by support. As in scikit-learn's
    `classification_report`, a digit that is neither a label nor an answer is left out of both.
    """

    classes: tuple[ClassScores, ...]
    macro: ClassScores
    weighted: ClassScores
    accuracy: float


@lru_cache(maxsize=8)
def per_class_report(this: Predictions) -> ClassReport:
    """Score a network's answers, at least one, digit by digit."""
    # A second to import: not before it is needed.
    from sklearn.metrics import precision_recall_fscore_support as score

    labels, predicted = this.labels, this.predicted
    each = score(labels, predicted, labels=range(CLASSES), zero_division=0)
    classes = tuple(
        ClassScores(float(p), float(r), float(f), int(n)) for p, r, f, n in zip(*each, strict=True)
    )
    averages = (score(labels, predicted, average=how, zero_division=0) for how in _AVERAGES)
    macro, weighted = (
        ClassScores(float(p), float(r), float(f), len(this)) for p, r, f, _ in averages
    )
    return ClassReport(classes, macro, weighted, float(np.mean(this.correct)))


def class_report_sentence(found: Counts, digit: int) -> str:
    """What recall and precision of a digit, 0 to 9, say of these counts."""
    return f"{_recall(found, digit)} {_precision(found, digit)}"


def _recall(found: Counts, digit: int) -> str:
    total, right = int(found[digit].sum()), int(found[digit, digit])
    if not total:
        return f"There are no {PLURALS[digit]} among these digits, so there is no recall."
    words = cell_sentence(found, digit, digit).removesuffix(".")
    return f"{words} (recall {percent_of(right, total)})."


def _precision(found: Counts, digit: int) -> str:
    answers, right = int(found[:, digit].sum()), int(found[digit, digit])
    name = f"“{NAMES[digit]}”"
    if not answers:
        return f"The answer {name} was never given, so there is no precision."
    if answers == 1:
        verdict = "right" if right else "wrong"
        return f"The only answer {name} was {verdict} (precision {percent_of(right, answers)})."
    were = "was" if right == 1 else "were"
    return (
        f"Of the {answers:,} answers {name}, {right:,} {were} right "
        f"(precision {percent_of(right, answers)})."
    )


CellValues = Literal["counts", "row", "column"]
CELL_VALUES: Final[tuple[CellValues, ...]] = get_args(CellValues)
ClassOrder = Literal["digit", "similarity"]
CLASS_ORDERS: Final[tuple[ClassOrder, ...]] = get_args(ClassOrder)


@dataclass(frozen=True)
class CellStyle:
    """How a matrix is shown: its values, whether with its diagonal, its scale, its order."""

    values: CellValues = "counts"
    diagonal: bool = True
    log: bool = True
    order: ClassOrder = "digit"


@dataclass(frozen=True)
class MatrixCell:
    """What stands in a cell: digits labeled `true` that were read as `read`.

    `heat`: 0 to 1, how strong its color is; `good`: whether more of it is better.
    """

    true: int
    read: int
    text: str
    words: str
    heat: float
    good: bool


def class_order(counts: NDArray[np.intp], look: CellStyle) -> tuple[int, ...]:
    """The ten digits in the order of rows and columns."""
    return similarity_order(counts) if look.order == "similarity" else tuple(range(CLASSES))


def cell_values(counts: NDArray[np.intp], look: CellStyle) -> NDArray[np.float64]:
    """What the matrix (10, 10) shows: counts, or percent; the diagonal is NaN if it is hidden."""
    if look.values == "counts":
        values = counts.astype(np.float64)
    else:
        values = 100 * normalized_shares(counts, look.values)
    if not look.diagonal:
        np.fill_diagonal(values, np.nan)
    return values


def matrix_cells(
    counts: NDArray[np.intp], look: CellStyle, other: NDArray[np.intp] | None = None
) -> list[list[MatrixCell]]:
    """The cells row by row (true labels), in the order that is asked for.

    `counts`: (10, 10), true labels down, answers across. With `other`, a second run's counts, the
    cells show by how much the first lies above it.
    """
    values = cell_values(counts, look)
    if other is not None:
        values -= cell_values(other, look)
    heats = _heats(values, look)
    order = class_order(counts if other is None else counts + other, look)
    return [
        [
            MatrixCell(
                true,
                read,
                _text(float(values[true, read]), look, signed=other is not None),
                _words(counts, other, true, read),
                float(heats[true, read]),
                bool((values[true, read] > 0) == (true == read)),
            )
            for read in order
        ]
        for true in order
    ]


def _heats(values: NDArray[np.float64], look: CellStyle) -> NDArray[np.float64]:
    """0 for nothing, 1 for the largest number that is shown."""
    size = np.nan_to_num(np.abs(values))
    if look.log:
        # From a single digit on, or a tenth of a percent, color is to be seen.
        size = np.log1p(size * (1 if look.values == "counts" else 10))
    scaled: NDArray[np.float64] = size / max(size.max(), 1e-12)
    return scaled


def _text(value: float, look: CellStyle, *, signed: bool) -> str:
    """What stands in a cell; nothing for zero, so that the mistakes stand out."""
    if math.isnan(value) or value == 0:
        return ""
    sign = "" if not signed else "+" if value > 0 else "\u2212"
    size = abs(value)
    if look.values == "counts":
        return f"{sign}{size:.0f}"
    return sign + ("<.1" if size < 0.1 else "100" if size == 100 else f"{size:.1f}")


def _words(counts: NDArray[np.intp], other: NDArray[np.intp] | None, true: int, read: int) -> str:
    support = int(counts[true].sum())
    said = f"{counts[true, read]:,} of {support:,} {PLURALS[true]} read as {PLURALS[read]}"
    return said if other is None else f"{said}; by the other run {other[true, read]:,}"


def matrix_totals(counts: NDArray[np.intp], order: Sequence[int]) -> tuple[list[int], list[int]]:
    """How many digits have each label, and how often each was answered, in an order."""

    def ordered(sums: NDArray[Any]) -> list[int]:
        return [int(sums[digit]) for digit in order]

    return ordered(counts.sum(axis=1)), ordered(counts.sum(axis=0))
