"""The figures of a training, batch group by batch group, and fewer of them for a small chart."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.arrays import read_only

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Columns of one length, float64 (n,), read-only; a row is a group of batches.

    `x`: epochs done when the group was, so 1.5 is in the middle of the second. The others are means
    over the group's batches: `loss` (NaN if it was not finite), `accuracy` (0 to 1) and
    `learning_rate`.
    """

    x: Column
    loss: Column
    accuracy: Column
    learning_rate: Column

    def smoothed(self) -> "Curve":
        """Loss and accuracy as moving averages over a twentieth of the points, at least three.

        At the ends the average is over what there is; a NaN makes its neighbours NaN too.
        """
        width = max(len(self.x) // 20, 3) // 2 * 2 + 1
        loss, accuracy = _read_only(_averaged(it, width) for it in (self.loss, self.accuracy))
        return replace(self, loss=loss, accuracy=accuracy)


class Points:
    """Groups of batches in the order in which they were trained."""

    def __init__(self) -> None:
        self._done: array[int] = array("q")
        self._batches: array[int] = array("q")
        self._values = (array("d"), array("d"), array("d"))

    @property
    def done(self) -> int:
        """The batches done at the last point, in all epochs; 0 if there is none."""
        return self._done[-1] if self._done else 0

    def add(self, done: int, batches: int, values: tuple[float, float, float]) -> None:
        """A group of `batches` that ended with batch `done`: loss, accuracy, learning rate."""
        self._done.append(done)
        self._batches.append(batches)
        for column, value in zip(self._values, values, strict=True):
            column.append(value)

    def drop_after(self, done: int) -> None:
        """Forget the groups that ended later than with batch `done`."""
        kept = bisect_right(self._done, done)
        for column in (self._done, self._batches, *self._values):
            del column[kept:]

    def curve(self, steps: int, max_points: int) -> Curve:
        """All points if they are at most `max_points`, else the means of neighbours.

        Neighbours are joined by twos, fours, eights and so on from the first point, so that a curve
        that grows seldom changes where it was drawn already. Each mean is weighted by the batches
        that a point covers; nothing is smoothed. `steps`: batches of an epoch. Raises ValueError
        unless `max_points` is at least 1.
        """
        if max_points < 1:
            raise ValueError(f"a curve has at least one point, not {max_points}")
        batches = np.array(self._batches, np.float64)
        size = 1
        while size * max_points < len(batches):
            size *= 2
        starts = np.arange(0, len(batches), size)
        x = np.array(self._done, np.float64)[np.minimum(starts + size, len(batches)) - 1] / steps
        columns = [np.array(column) for column in self._values]
        if size > 1:
            weights = np.add.reduceat(batches, starts)
            columns = [np.add.reduceat(column * batches, starts) / weights for column in columns]
        return Curve(*_read_only([x, *columns]))


def _read_only(columns: Iterable[Column]) -> list[Column]:
    return [read_only(column) for column in columns]


def _averaged(values: Column, width: int) -> Column:
    if not len(values):
        return values.copy()
    half = width // 2
    padded = np.concatenate([np.zeros(half), values, np.zeros(half)])
    there = np.concatenate([np.zeros(half), np.ones(len(values)), np.zeros(half)])
    window = np.ones(width)
    return np.convolve(padded, window, "valid") / np.convolve(there, window, "valid")
