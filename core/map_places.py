"""Where on the digit the values of a feature map belong."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from core.architectures import INPUT_SHAPE, Conv, Pool, Row

Values = NDArray[np.float32]


def laid_on_digit(
    found: NDArray[np.float32], rows: Sequence[Row], name: str
) -> NDArray[np.float32]:
    """A map's values, (h, w), at the centres of their receptive fields: float32 (28, 28)."""
    first, apart = _centres(rows, name)
    places = (np.arange(INPUT_SHAPE[0]) - first) / apart
    grid = np.meshgrid(places, places, indexing="ij")
    return np.asarray(map_coordinates(found, grid, order=1, mode="nearest"), np.float32)


def _centres(rows: Sequence[Row], name: str) -> tuple[float, int]:
    """Where on the digit a map's first value is centred, and how far apart its values are."""
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
