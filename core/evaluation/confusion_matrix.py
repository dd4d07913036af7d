"""The confusion matrix: counts, the digits behind each cell, and scores per class.

From the counts follow the cells as they are drawn (text, color, sentence) and, with scikit-learn,
precision, recall and F1 of each digit, also in words.
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
from core.utils.text import DIGIT_NAMES, DIGIT_PLURALS, digit_with_article, percent_of
from core.utils.validation import read_only

Counts = NDArray[np.intp]
Normalization = Literal["row", "column"]


def confusion_counts(labels: NDArray[Any], predicted: NDArray[Any]) -> Counts:
    """Count the confusions: true labels down, predictions across, int (10, 10).

    Args:
        labels: whole numbers 0 to 9, (n,); n may be 0.
        predicted: the same shape and range.

    Raises:
        ValueError: a number is not from 0 to 9.

    Example:
        >>> counts = confusion_counts(np.array([7, 7, 1]), np.array([7, 1, 1]))
        >>> int(counts[7, 1]), int(counts[1, 1])
        (1, 1)
    """
    true, read = labels.astype(np.intp), predicted.astype(np.intp)
    for digits in (true, read):
        if digits.size and (digits.min() < 0 or digits.max() >= CLASSES):
            raise ValueError("a digit is a whole number from 0 to 9")
    pairs = np.bincount(true * CLASSES + read, minlength=CLASSES**2)
    return pairs.reshape(CLASSES, CLASSES)


@lru_cache(maxsize=8)
def count_confusions(predictions: Predictions) -> Counts:
    """Count the confusions in a network's answers; cached, shared and read-only."""
    counts = confusion_counts(predictions.labels, predictions.predicted)
    return read_only(counts)


def normalized_shares(counts: Counts, by: Normalization) -> NDArray[np.float64]:
    """Divide each cell by the total of its row (true label) or its column (answer).

    0 to 1, float64 (10, 10). A row or column without digits is all 0.
    """
    totals = counts.sum(axis=1 if by == "row" else 0, keepdims=True)
    empty = np.zeros(counts.shape)
    return np.divide(counts, totals, out=empty, where=totals > 0)


def similarity_order(counts: Counts) -> tuple[int, ...]:
    """The ten digits in an order that puts often confused ones side by side.

    Two digits are as alike as the mean of the parts of each that were read as the other. They are
    clustered by average linkage, and of all orders that keep every cluster together the one is
    taken whose neighbors are most alike (optimal leaf ordering: Bar-Joseph, Gifford and Jaakkola,
    "Fast optimal leaf ordering for hierarchical clustering", 2001). The smaller of the two ends
    comes first; without a mistake it is 0 to 9.
    """
    parts = normalized_shares(counts, "row")
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


def most_confident_first(predictions: Predictions, indices: NDArray[np.intp]) -> NDArray[np.intp]:
    """Sort indices of digits by falling confidence; ties keep their order."""
    return indices[np.argsort(-predictions.confidence[indices], kind="stable")]


def cell_indices(
    predictions: Predictions, true: int | None, read: int | None, *, wrong_only: bool = False
) -> NDArray[np.intp]:
    """Indices of the digits in a cell, a row or a column, most confident answers first, int (n,).

    `true`: the row; `read`: the column; None for all. `wrong_only`: without the diagonal.
    """
    chosen = ~predictions.correct if wrong_only else np.ones(len(predictions), np.bool_)
    if true is not None:
        chosen = chosen & (predictions.labels == true)
    if read is not None:
        chosen = chosen & (predictions.predicted == read)
    return most_confident_first(predictions, np.flatnonzero(chosen))


def top_confusions(predictions: Predictions, most: int = 5) -> tuple[tuple[int, int, int], ...]:
    """The most frequent mistakes: (true digit, answer, how often), the most frequent first."""
    wrong = ~predictions.correct
    return confused_pairs(predictions.labels[wrong], predictions.predicted[wrong], most)


@lru_cache(maxsize=20)
def class_prototype(predictions: Predictions, digit: int) -> int | None:
    """The index of a typical digit of a class; None if none of the class was read rightly.

    Among those read rightly it is the most similar to the class's mean picture (by the cosine).
    """
    of_class = predictions.images[predictions.labels == digit]
    candidates = np.flatnonzero((predictions.labels == digit) & predictions.correct)
    if not len(candidates):
        return None
    mean = of_class.reshape(len(of_class), -1).mean(axis=0, dtype=np.float32)
    pixels = predictions.images[candidates].reshape(len(candidates), -1).astype(np.float32)
    lengths = np.maximum(np.linalg.norm(pixels, axis=1), 1)  # a blank picture has none
    return int(candidates[np.argmax(pixels @ mean / lengths)])


def cell_sentence(counts: Counts, true: int, read: int) -> str:
    """Describe a cell; `true` and `read`: 0 to 9.

    Example:
        >>> counts = confusion_counts(np.full(20, 9), np.array([4] * 3 + [9] * 17))
        >>> cell_sentence(counts, 9, 4)
        'Of 20 nines, 3 were read as fours.'
    """
    total, count = int(counts[true].sum()), int(counts[true, read])
    plural, singular = DIGIT_PLURALS[read], digit_with_article(read)
    if not total:
        return f"There are no {DIGIT_PLURALS[true]} among these digits."
    if total == 1:
        return f"The only {DIGIT_NAMES[true]} was {'' if count else 'not '}read as {singular}."
    if count == total:
        return f"All {total:,} {DIGIT_PLURALS[true]} were read as {plural}."
    if not count:
        return f"None of the {total:,} {DIGIT_PLURALS[true]} was read as {singular}."
    if count == 1:
        return f"Of {total:,} {DIGIT_PLURALS[true]}, 1 was read as {singular}."
    return f"Of {total:,} {DIGIT_PLURALS[true]}, {count:,} were read as {plural}."


_AVERAGES: Final = ("macro", "weighted")


@dataclass(frozen=True)
class ClassScores:
    """Scores of one digit, or averages over digits; fractions 0 to 1.

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
def per_class_report(predictions: Predictions) -> ClassReport:
    """Compute the scores of each digit from a network's answers, of which there is at least one."""
    # A second to import: not before it is needed.
    from sklearn.metrics import precision_recall_fscore_support as score

    labels, predicted = predictions.labels, predictions.predicted
    scores = score(labels, predicted, labels=range(CLASSES), zero_division=0)
    classes = tuple(
        ClassScores(float(p), float(r), float(f), int(n))
        for p, r, f, n in zip(*scores, strict=True)
    )
    averages = (score(labels, predicted, average=how, zero_division=0) for how in _AVERAGES)
    macro, weighted = (
        ClassScores(float(p), float(r), float(f), len(predictions)) for p, r, f, _ in averages
    )
    return ClassReport(classes, macro, weighted, float(np.mean(predictions.correct)))


def class_report_sentence(counts: Counts, digit: int) -> str:
    """Describe recall and precision of a digit, 0 to 9."""
    return f"{_recall(counts, digit)} {_precision(counts, digit)}"


def _recall(counts: Counts, digit: int) -> str:
    total, right = int(counts[digit].sum()), int(counts[digit, digit])
    if not total:
        return f"There are no {DIGIT_PLURALS[digit]} among these digits, so there is no recall."
    words = cell_sentence(counts, digit, digit).removesuffix(".")
    return f"{words} (recall {percent_of(right, total)})."


def _precision(counts: Counts, digit: int) -> str:
    answers, right = int(counts[:, digit].sum()), int(counts[digit, digit])
    name = f"“{DIGIT_NAMES[digit]}”"
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
    """Display settings of a matrix.

    Attributes:
        values: counts, or percent of the row or of the column.
        diagonal: whether right answers are shown.
        log: whether the colors have a logarithmic scale.
        order: order of rows and columns.
    """

    values: CellValues = "counts"
    diagonal: bool = True
    log: bool = True
    order: ClassOrder = "digit"


@dataclass(frozen=True)
class MatrixCell:
    """A cell as it is drawn: the digits labeled `true` that were read as `read`.

    `heat`: strength of its color, 0 to 1; `good`: whether a larger value is better.
    """

    true: int
    read: int
    text: str
    sentence: str
    heat: float
    good: bool


def class_order(counts: NDArray[np.intp], style: CellStyle) -> tuple[int, ...]:
    """The ten digits in the order of rows and columns."""
    return similarity_order(counts) if style.order == "similarity" else tuple(range(CLASSES))


def cell_values(counts: NDArray[np.intp], style: CellStyle) -> NDArray[np.float64]:
    """The values shown, float64 (10, 10): counts or percent; NaN on a hidden diagonal."""
    if style.values == "counts":
        values = counts.astype(np.float64)
    else:
        values = 100 * normalized_shares(counts, style.values)
    if not style.diagonal:
        np.fill_diagonal(values, np.nan)
    return values


def matrix_cells(
    counts: NDArray[np.intp], style: CellStyle, other: NDArray[np.intp] | None = None
) -> list[list[MatrixCell]]:
    """The cells row by row (true labels), in the order of the style.

    `counts`: (10, 10), true labels down, answers across. With `other`, a second run's counts, the
    cells show by how much the first lies above it.
    """
    values = cell_values(counts, style)
    if other is not None:
        values -= cell_values(other, style)
    heats = _heats(values, style)
    order = class_order(counts if other is None else counts + other, style)
    return [
        [
            MatrixCell(
                true,
                read,
                _text(float(values[true, read]), style, signed=other is not None),
                _words(counts, other, true, read),
                float(heats[true, read]),
                bool((values[true, read] > 0) == (true == read)),
            )
            for read in order
        ]
        for true in order
    ]


def _heats(values: NDArray[np.float64], style: CellStyle) -> NDArray[np.float64]:
    """0 for nothing, 1 for the largest number that is shown."""
    size = np.nan_to_num(np.abs(values))
    if style.log:
        # From a single digit on, or a tenth of a percent, color is to be seen.
        size = np.log1p(size * (1 if style.values == "counts" else 10))
    scaled: NDArray[np.float64] = size / max(size.max(), 1e-12)
    return scaled


def _text(value: float, style: CellStyle, *, signed: bool) -> str:
    """What stands in a cell; nothing for zero, so that the mistakes stand out."""
    if math.isnan(value) or value == 0:
        return ""
    sign = "" if not signed else "+" if value > 0 else "\u2212"
    size = abs(value)
    if style.values == "counts":
        return f"{sign}{size:.0f}"
    return sign + ("<.1" if size < 0.1 else "100" if size == 100 else f"{size:.1f}")


def _words(counts: NDArray[np.intp], other: NDArray[np.intp] | None, true: int, read: int) -> str:
    support = int(counts[true].sum())
    sentence = (
        f"{counts[true, read]:,} of {support:,} {DIGIT_PLURALS[true]} read as {DIGIT_PLURALS[read]}"
    )
    return sentence if other is None else f"{sentence}; by the other run {other[true, read]:,}"


def matrix_totals(counts: NDArray[np.intp], order: Sequence[int]) -> tuple[list[int], list[int]]:
    """Totals of rows (labels) and of columns (answers), in the given order of digits."""

    def ordered(sums: NDArray[Any]) -> list[int]:
        return [int(sums[digit]) for digit in order]

    return ordered(counts.sum(axis=1)), ordered(counts.sum(axis=0))
