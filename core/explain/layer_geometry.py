"""Which pixels of the digit a number inside a network can see: its receptive field.

The field is followed back from a layer's output to the network's input, layer by layer, as in
A. Araujo, W. Norris and J. Sim, "Computing Receptive Fields of Convolutional Neural Networks",
Distill, 2019. What a layer would see beyond the edge of its input is padding, or, under pooling, a
rest that is dropped; neither is a pixel.

Where on the digit the values of a feature map belong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from core.recipes.architecture import (
    INPUT_SHAPE,
    Architecture,
    Conv,
    Dense,
    Flatten,
    GlobalAverage,
    Layer,
    Pool,
    Row,
    Shape,
)

FeatureMaps = NDArray[np.float32]


def as_feature_maps(values: NDArray[np.float32]) -> FeatureMaps:
    """What a layer gives for one digit, (h, w, n) or (n,), as maps (h, w, n): a number is 1×1."""
    return values if values.ndim == 3 else values.reshape(1, 1, -1)


def strongest_maps(values: NDArray[np.float32], count: int) -> list[int]:
    """The channels with the largest mean absolute value, that one first; at most `count`.

    `values`: (h, w, n) or (n,). Of equal ones the first comes first.
    """
    means = np.abs(as_feature_maps(values)).mean(axis=(0, 1))
    return [int(channel) for channel in np.argsort(-means, kind="stable")[:count]]


Values = NDArray[np.float32]


def map_over_digit(
    found: NDArray[np.float32], rows: Sequence[Row], name: str
) -> NDArray[np.float32]:
    """A map's values, (h, w), at the centers of their receptive fields: float32 (28, 28)."""
    first, apart = _centers(rows, name)
    places = (np.arange(INPUT_SHAPE[0]) - first) / apart
    grid = np.meshgrid(places, places, indexing="ij")
    return np.asarray(map_coordinates(found, grid, order=1, mode="nearest"), np.float32)


def _centers(rows: Sequence[Row], name: str) -> tuple[float, int]:
    """Where on the digit a map's first value is centerd, and how far apart its values are."""
    first, apart = 0.0, 1
    for row in rows:
        layer = row.layer
        if isinstance(layer, Conv):
            before = (layer.kernel_size - 1) // 2 if layer.padding == "same" else 0
            first += ((layer.kernel_size - 1) / 2 - before) * apart
        elif isinstance(layer, Pool):
            first += (layer.size - 1) / 2 * apart
            apart *= layer.size
        if row.name == name:
            break
    return first, apart


FieldPosition = tuple[int, ...]
"""A position of a layer's output: (row, column) of a map, (number,) of a unit."""


@dataclass(frozen=True)
class Span:
    """Rows, or columns: from `first` to `last` seen, counted from 0; `wanted` without an edge."""

    first: int
    last: int
    wanted: int

    @property
    def size(self) -> int:
        """How many there are."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class ReceptiveField:
    """A receptive field: rows and columns of the 28×28 pixels that go into the network."""

    rows: Span
    columns: Span

    @property
    def pixels(self) -> int:
        """How many pixels it holds."""
        return self.rows.size * self.columns.size

    @property
    def everything(self) -> bool:
        """Whether it is the whole digit."""
        return self.pixels == INPUT_SHAPE[0] * INPUT_SHAPE[1]

    @property
    def outside(self) -> float:
        """Which part of what it would see without an edge is no pixel, from 0 to below 1."""
        return 1 - self.pixels / (self.rows.wanted * self.columns.wanted)


@dataclass(frozen=True)
class _Reach:
    """The field so far back: first and last with the edges counted, and without them."""

    first: int
    last: int
    low: int
    high: int

    def spread(self, before: int, after: int, side: int) -> "_Reach":
        """One layer back whose outputs see so many more on either side; `side`: its input's."""
        return _Reach(
            max(self.first - before, 0),
            min(self.last + after, side - 1),
            self.low - before,
            self.high + after,
        )

    def widened(self, size: int) -> "_Reach":
        """Back through squares side by side."""
        last, high = ((place + 1) * size - 1 for place in (self.last, self.high))
        return _Reach(self.first * size, last, self.low * size, high)


def receptive_field(architecture: Architecture, layer: str, place: FieldPosition) -> ReceptiveField:
    """What the number at a place of a layer's output can see, of the 28×28 inputs.

    `layer`: its name in Keras. `place`: (row, column) in a layer of maps, (number,) in a layer of
    units; a unit sees all that gets as far as its layer. Raises ValueError if there is no such
    layer, IndexError if it has no such place.
    """
    rows = list(architecture.rows())
    names = [row.name for row in rows]
    if layer not in names:
        raise ValueError(f"the network has no layer {layer!r}")
    until = names.index(layer)
    inputs = [INPUT_SHAPE, *(row.shape for row in rows)]
    given = inputs[until + 1]
    limits = given[:2] if len(given) == 3 else given
    if len(place) != len(limits) or any(not 0 <= k < n for k, n in zip(place, limits, strict=True)):
        raise IndexError(f"the layer {layer} has no place {place}: its output is {given}")
    seen: _Seen = place[0] if len(place) == 1 else (_only(place[0]), _only(place[1]))
    for position in range(until, -1, -1):
        seen = _back(architecture.layers[position], inputs[position], seen)
    down, across = seen if isinstance(seen, tuple) else _everything(INPUT_SHAPE)
    return ReceptiveField(_span(down), _span(across))


_Reaches = tuple[_Reach, _Reach]
_Seen = _Reaches | int | None
"""Rows and columns of maps, or in a vector a unit's number, None for all of its units."""


def _back(layer: Layer, taken: Shape, seen: _Seen) -> _Seen:
    """What is seen of a layer's input; `taken`: the shape of that."""
    if isinstance(seen, tuple):
        down, across = (_one_back(layer, side, one) for side, one in zip(taken, seen, strict=False))
        return down, across
    if isinstance(layer, Dense):
        return None
    if isinstance(layer, Flatten) and seen is not None:
        row, column, _ = (int(k) for k in np.unravel_index(seen, taken))
        return _only(row), _only(column)
    return _everything(taken) if isinstance(layer, Flatten | GlobalAverage) else seen


def _one_back(layer: Layer, side: int, seen: _Reach) -> _Reach:
    """The same along one side of maps; what works value by value changes nothing."""
    if isinstance(layer, Conv):
        before = (layer.kernel_size - 1) // 2 if layer.padding == "same" else 0
        return seen.spread(before, layer.kernel_size - 1 - before, side)
    return seen.widened(layer.size) if isinstance(layer, Pool) else seen


def _only(place: int) -> _Reach:
    return _Reach(place, place, place, place)


def _everything(shape: Shape) -> _Reaches:
    down, across = (_Reach(0, side - 1, 0, side - 1) for side in shape[:2])
    return down, across


def _span(reach: _Reach) -> Span:
    return Span(reach.first, reach.last, reach.high - reach.low + 1)
