"""The confusion matrix as it is drawn: a text, a heat and a sentence for each of its cells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.confusion import shares, similarity_order
from core.datasets import CLASSES
from core.text import PLURALS

Values = Literal["counts", "row", "column"]
VALUES: Final[tuple[Values, ...]] = get_args(Values)
Order = Literal["digit", "similarity"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)


@dataclass(frozen=True)
class Look:
    """How a matrix is shown: its values, whether with its diagonal, its scale, its order."""

    values: Values = "counts"
    diagonal: bool = True
    log: bool = True
    order: Order = "digit"


@dataclass(frozen=True)
class MatrixCell:
    """What stands in a cell: digits labelled `true` that were read as `read`.

    `heat`: 0 to 1, how strong its colour is; `good`: whether more of it is better.
    """

    true: int
    read: int
    text: str
    words: str
    heat: float
    good: bool


def order_of(counts: NDArray[np.intp], look: Look) -> tuple[int, ...]:
    """The ten digits in the order of rows and columns."""
    return similarity_order(counts) if look.order == "similarity" else tuple(range(CLASSES))


def shown_values(counts: NDArray[np.intp], look: Look) -> NDArray[np.float64]:
    """What the matrix (10, 10) shows: counts, or percent; the diagonal is NaN if it is hidden."""
    if look.values == "counts":
        values = counts.astype(np.float64)
    else:
        values = 100 * shares(counts, look.values)
    if not look.diagonal:
        np.fill_diagonal(values, np.nan)
    return values


def matrix_cells(
    counts: NDArray[np.intp], look: Look, other: NDArray[np.intp] | None = None
) -> list[list[MatrixCell]]:
    """The cells row by row (true labels), in the order that is asked for.

    `counts`: (10, 10), true labels down, answers across. With `other`, a second run's counts, the
    cells show by how much the first lies above it.
    """
    values = shown_values(counts, look)
    if other is not None:
        values -= shown_values(other, look)
    heats = _heats(values, look)
    order = order_of(counts if other is None else counts + other, look)
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


def _heats(values: NDArray[np.float64], look: Look) -> NDArray[np.float64]:
    """0 for nothing, 1 for the largest number that is shown."""
    size = np.nan_to_num(np.abs(values))
    if look.log:
        # From a single digit on, or a tenth of a percent, colour is to be seen.
        size = np.log1p(size * (1 if look.values == "counts" else 10))
    scaled: NDArray[np.float64] = size / max(size.max(), 1e-12)
    return scaled


def _text(value: float, look: Look, *, signed: bool) -> str:
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


def totals(counts: NDArray[np.intp], order: Sequence[int]) -> tuple[list[int], list[int]]:
    """How many digits have each label, and how often each was answered, in an order."""

    def ordered(sums: NDArray[Any]) -> list[int]:
        return [int(sums[digit]) for digit in order]

    return ordered(counts.sum(axis=1)), ordered(counts.sum(axis=0))
