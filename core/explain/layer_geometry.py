"""Receptive fields: which pixels of the digit a number inside a network can see. No TensorFlow.

The field is followed back from a layer's output to the network's input, layer by layer, as in
A. Araujo, W. Norris and J. Sim, "Computing Receptive Fields of Convolutional Neural Networks",
Distill, 2019. What a layer would see beyond the edge of its input is padding, or, for pooling, a
rest that is dropped; neither is a pixel. The same geometry places a feature map's values on the
digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
FieldPosition = tuple[int, ...]
"""A position in a layer's output: (row, column) of a map, (unit,) of a dense layer."""


def as_feature_maps(values: NDArray[np.float32]) -> FeatureMaps:
    """A layer's activations for one digit as maps; a unit becomes a map of 1×1.

    Args:
        values: (h, w, n) or (n,).

    Returns:
        (h, w, n).
    """
    return values if values.ndim == 3 else values.reshape(1, 1, -1)


def strongest_maps(values: NDArray[np.float32], count: int) -> list[int]:
    """The channels with the largest mean absolute value, the largest first.

    Args:
        values: (h, w, n) or (n,).
        count: the most channels that are given.

    Example:
        >>> strongest_maps(np.array([1.0, -3.0, 2.0], np.float32), 2)
        [1, 2]
    """
    means = np.abs(as_feature_maps(values)).mean(axis=(0, 1))
    return [int(channel) for channel in np.argsort(-means, kind="stable")[:count]]


def map_over_digit(
    values: NDArray[np.float32], rows: Sequence[Row], name: str
) -> NDArray[np.float32]:
    """A map's values at the centers of their receptive fields, with interpolated values between.

    Args:
        values: the map, (h, w).
        rows: the layers of the network.
        name: the layer that gave the map.

    Returns:
        float32 (28, 28).
    """
    # Here, since SciPy takes a fifth of a second to import, and every page imports this module.
    from scipy.ndimage import map_coordinates

    first_center, stride = _centers(rows, name)
    positions = (np.arange(INPUT_SHAPE[0]) - first_center) / stride
    grid = np.meshgrid(positions, positions, indexing="ij")
    return np.asarray(map_coordinates(values, grid, order=1, mode="nearest"), np.float32)


def _centers(rows: Sequence[Row], name: str) -> tuple[float, int]:
    """The pixel at the center of a map's first value, and the stride between its values."""
    first_center, stride = 0.0, 1
    for row in rows:
        layer = row.layer
        if isinstance(layer, Conv):
            padding = (layer.kernel_size - 1) // 2 if layer.padding == "same" else 0
            first_center += ((layer.kernel_size - 1) / 2 - padding) * stride
        elif isinstance(layer, Pool):
            first_center += (layer.size - 1) / 2 * stride
            stride *= layer.size
        if row.name == name:
            break
    return first_center, stride


@dataclass(frozen=True)
class Span:
    """Rows, or columns, of the digit.

    Attributes:
        first: the first that is seen, counted from 0.
        last: the last that is seen.
        unclipped: how many would be seen if the digit had no edge.
    """

    first: int
    last: int
    unclipped: int

    @property
    def size(self) -> int:
        """The number of rows or columns."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class ReceptiveField:
    """The rows and columns of the 28×28 input pixels that a number can see."""

    rows: Span
    columns: Span

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.rows.size * self.columns.size

    @property
    def covers_digit(self) -> bool:
        """Whether it is the whole digit."""
        return self.pixels == INPUT_SHAPE[0] * INPUT_SHAPE[1]

    @property
    def outside_share(self) -> float:
        """The share of the unclipped field beyond the edge, from 0 to below 1."""
        return 1 - self.pixels / (self.rows.unclipped * self.columns.unclipped)


@dataclass(frozen=True)
class _Reach:
    """A field on the way back: `first` and `last` clipped at the edges, `low` and `high` not."""

    first: int
    last: int
    low: int
    high: int

    def spread(self, before: int, after: int, side: int) -> "_Reach":
        """One layer back whose outputs see more values on either side; `side`: of its input."""
        return _Reach(
            max(self.first - before, 0),
            min(self.last + after, side - 1),
            self.low - before,
            self.high + after,
        )

    def widened(self, size: int) -> "_Reach":
        """One pooling layer back."""
        last, high = ((end + 1) * size - 1 for end in (self.last, self.high))
        return _Reach(self.first * size, last, self.low * size, high)


def receptive_field(
    architecture: Architecture, layer: str, position: FieldPosition
) -> ReceptiveField:
    """The pixels of the 28×28 input that a number of a layer's output can see.

    Args:
        architecture: the layers of the network.
        layer: the name of the layer.
        position: (row, column) in a layer of maps, (unit,) in a dense layer. A unit sees all that
            reaches its layer.

    Raises:
        ValueError: there is no such layer.
        IndexError: the layer has no such position.
    """
    rows = list(architecture.rows())
    names = [row.name for row in rows]
    if layer not in names:
        raise ValueError(f"the network has no layer {layer!r}")
    index = names.index(layer)
    inputs = [INPUT_SHAPE, *(row.shape for row in rows)]
    shape = inputs[index + 1]
    sides = shape[:2] if len(shape) == 3 else shape
    if len(position) != len(sides) or any(
        not 0 <= k < n for k, n in zip(position, sides, strict=True)
    ):
        raise IndexError(f"the layer {layer} has no place {position}: its output is {shape}")
    seen: _Seen = (
        position[0] if len(position) == 1 else (_single(position[0]), _single(position[1]))
    )
    for earlier in range(index, -1, -1):
        seen = _back(architecture.layers[earlier], inputs[earlier], seen)
    down, across = seen if isinstance(seen, tuple) else _whole(INPUT_SHAPE)
    return ReceptiveField(_span(down), _span(across))


_Reaches = tuple[_Reach, _Reach]
_Seen = _Reaches | int | None
"""Rows and columns of maps, or in a vector a unit's number, None for all of its units."""


def _back(layer: Layer, input_shape: Shape, seen: _Seen) -> _Seen:
    """What is seen of a layer's input."""
    if isinstance(seen, tuple):
        down, across = (
            _back_along(layer, side, reach) for side, reach in zip(input_shape, seen, strict=False)
        )
        return down, across
    if isinstance(layer, Dense):
        return None
    if isinstance(layer, Flatten) and seen is not None:
        row, column, _ = (int(k) for k in np.unravel_index(seen, input_shape))
        return _single(row), _single(column)
    return _whole(input_shape) if isinstance(layer, Flatten | GlobalAverage) else seen


def _back_along(layer: Layer, side: int, reach: _Reach) -> _Reach:
    """The same along one side of maps; other layers change nothing."""
    if isinstance(layer, Conv):
        padding = (layer.kernel_size - 1) // 2 if layer.padding == "same" else 0
        return reach.spread(padding, layer.kernel_size - 1 - padding, side)
    return reach.widened(layer.size) if isinstance(layer, Pool) else reach


def _single(index: int) -> _Reach:
    return _Reach(index, index, index, index)


def _whole(shape: Shape) -> _Reaches:
    down, across = (_Reach(0, side - 1, 0, side - 1) for side in shape[:2])
    return down, across


def _span(reach: _Reach) -> Span:
    return Span(reach.first, reach.last, reach.high - reach.low + 1)
