"""Which digits excite a feature map most, and where: the largest activations among many digits.

What a map responds to is seen best in what it responds to most (M. D. Zeiler and R. Fergus,
"Visualizing and Understanding Convolutional Networks", 2014, whose figures show the top nine). Only
the largest are kept, of each digit at most one place.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core.architectures import INPUT_SHAPE, Architecture, Conv, Dense
from core.arrays import read_only
from core.chores import Chore, Report, shared
from core.digit_stats import SplitName, split_of
from core.errors import RunError
from core.probe import probe
from core.runs import Network

DATASET: Final = "mnist-sample"
COUNT: Final = 9
QUICK: Final = 4_000_000
"""Multiply-adds a digit: on two cores, 5,000 digits then take a second."""
_AT_ONCE: Final = 100
_KEPT: Final = 32

Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Excited:
    """A digit that excites a map: where it stands in the dataset, and where the map is largest.

    `place`: (row, column) in the map; (0, 0) for a unit.
    """

    split: SplitName
    index: int
    value: float
    place: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Exciting:
    """The largest activations of each map of a layer, the largest first; arrays are read-only.

    Attributes:
        digits: which digit, int (maps, 9), counted through the test digits, then the training ones.
        values: its largest value in the map, float32 (maps, 9).
        rows, columns: where in the map that is, int (maps, 9).
        total: how many digits were looked at.
    """

    digits: Ints
    values: NDArray[np.float32]
    rows: Ints
    columns: Ints
    total: int

    def of(self, number: int) -> list[Excited]:
        """The digits that excite a map most; raises IndexError if there is no such map.

        Where a rectified map (ReLU) is 0 all over, a digit does not excite it and is left out.
        """
        n_test = len(split_of(DATASET, "test"))
        found = []
        for digit, value, row, column in zip(
            self.digits[number].tolist(),
            self.values[number].tolist(),
            self.rows[number].tolist(),
            self.columns[number].tolist(),
            strict=True,
        ):
            split: SplitName = "test" if digit < n_test else "train"
            index = digit - n_test * (split == "train")
            if value:
                found.append(Excited(split, index, value, (row, column)))
        return found


def multiply_adds(architecture: Architecture, layer: str) -> int:
    """How many multiplications a digit takes from the input to a layer. Raises ValueError if none.

    It tells whether `exciting` is a matter of a second.
    """
    shape: tuple[int, ...] = INPUT_SHAPE
    total = 0
    for row in architecture.rows():
        if isinstance(row.layer, Conv):
            places = row.shape[0] * row.shape[1]
            total += places * row.layer.kernel_size**2 * shape[-1] * row.layer.filters
        elif isinstance(row.layer, Dense):
            total += shape[-1] * row.layer.units
        shape = row.shape
        if row.name == layer:
            return total
    raise ValueError(f"the network has no layer {layer!r}")


def exciting(network: Network, layer: str) -> Exciting | Chore[Exciting]:
    """The nine digits, of the sample's 5,000, that excite each map of a layer most; kept.

    Args:
        network: a run's, finished or as it was after an epoch.
        layer: whose maps are meant.

    Returns:
        The digits; where finding them takes more than a second, a chore that is to be started,
        until it is done.

    Raises:
        RunError: the network cannot be opened, or gives no numbers.
        ValueError: it has no such layer.
    """
    if multiply_adds(network.run.info.recipe.architecture, layer) <= QUICK:
        return _quick(network, layer)
    chore = shared((network, layer, "exciting"), lambda report: search(network, layer, report))
    return chore.state.result or chore


@lru_cache(maxsize=_KEPT)
def _quick(network: Network, layer: str) -> Exciting:
    return search(network, layer, lambda done, total: None)


@lru_cache(maxsize=1)
def _images() -> NDArray[np.uint8]:
    return np.concatenate([split_of(DATASET, "test").images, split_of(DATASET, "train").images])


def search(network: Network, layer: str, report: Report) -> Exciting:
    """Let a network read the digits as far as a layer.

    Args:
        network: a run's, finished or as it was after an epoch.
        layer: whose maps are meant.
        report: is told digits read and in all, and stops it when it raises.

    Returns:
        The nine digits that excite each map of the layer most.

    Raises:
        RunError: the network cannot be opened, or gives no numbers.
        ValueError: it has no such layer.
    """
    opened, images = probe(network), _images()
    until = keras.Model(opened.model.inputs, opened.model.get_layer(layer).output)
    best = _Largest(until.output.shape[-1])
    for start in range(0, len(images), _AT_ONCE):
        report(start, len(images))
        part = tf.constant(opened.inputs(images[start : start + _AT_ONCE]))
        best.take(until(part, training=False), start)
    rows, columns = np.divmod(best.places, best.width)
    return Exciting(
        _fixed(best.digits), _fixed(best.values), _fixed(rows), _fixed(columns), len(images)
    )


class _Largest:
    """The largest values so far, each array (9, maps), the largest first."""

    def __init__(self, maps: int) -> None:
        self.width = 1
        self.values = np.full((COUNT, maps), -np.inf, np.float32)
        self.digits = np.zeros((COUNT, maps), np.intp)
        self.places = np.zeros((COUNT, maps), np.intp)

    def take(self, given: tf.Tensor, start: int) -> None:
        """Look at what a layer gives for the digits from number `start` on, (n, ..., maps)."""
        n, maps = given.shape[0], given.shape[-1]
        self.width = given.shape[2] if len(given.shape) == 4 else 1
        flat = tf.reshape(given, (n, -1, maps))
        peaks = tf.reduce_max(flat, axis=1).numpy()
        if not np.isfinite(peaks).all():
            raise RunError(
                "This network gives numbers that are not finite: its training diverged. Choose "
                "another run or epoch."
            )
        order = np.argsort(-peaks, axis=0, kind="stable")[:COUNT]
        values = np.take_along_axis(peaks, order, axis=0)
        # Where the largest value is, is only asked of those that stay: a look at every map of every
        # digit would take longer than the network does.
        rank, number = np.nonzero(values > self.values[-1])
        places = np.zeros_like(order)
        places[rank, number] = flat.numpy()[order[rank, number], :, number].argmax(axis=1)
        every = np.concatenate([self.values, values])
        kept = np.argsort(-every, axis=0, kind="stable")[:COUNT]
        self.values = np.take_along_axis(every, kept, axis=0)
        self.digits = _of_kept(kept, self.digits, order + start)
        self.places = _of_kept(kept, self.places, places)


def _of_kept(kept: Ints, before: Ints, now: Ints) -> Ints:
    return np.take_along_axis(np.concatenate([before, now]), kept, axis=0)


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    """Its rows and columns exchanged, so that each map has a row; read-only."""
    own = array.T.copy()
    return read_only(own)
