"""What the first layer looks for: its weights as small pictures, red below zero, blue above."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.architectures import INPUT_SHAPE, BatchNorm, Conv, Dense, GlobalAverage, Pool
from core.errors import RunError
from core.palette import DIVERGING, OTHER, rgb
from core.recipes import Recipe

Kernels = NDArray[np.float32]
LINE_PX: Final = 2
_NO_FIT: Final = (
    "The stored weights do not fit the run's network, so its kernels cannot be shown. "
    "Choose another epoch, or train the run again."
)


def first_layer(weights: Sequence[NDArray[Any]], recipe: Recipe) -> Kernels:
    """The kernels of the first layer that has any, float32 (height, width, n).

    `weights` are in the order of Keras's `get_weights()`. A convolution gives its kernels; a dense
    layer gives each unit's weights in the shape of the pixels that it reads. Raises RunError if the
    weights are not of this network.
    """
    passed = 0
    pixels: tuple[int, ...] = INPUT_SHAPE[:2]
    for row in recipe.architecture.rows():
        layer = row.layer
        if isinstance(layer, Conv):
            return _reshaped(weights, passed, (layer.kernel_size, layer.kernel_size, layer.filters))
        if isinstance(layer, Dense):
            return _reshaped(weights, passed, (*pixels, layer.units))
        if isinstance(layer, BatchNorm):
            passed += 4
        elif isinstance(layer, GlobalAverage):
            pixels = (1, 1)
        elif isinstance(layer, Pool):
            pixels = row.shape[:2]
    raise RunError(_NO_FIT)


def colour_end(*pictures: Kernels) -> float:
    """The absolute weight at which the colours end, one for all that is compared.

    One weight in a hundred is larger and gets the last colour: a single large one would leave the
    others pale.
    """
    sizes = np.concatenate([np.abs(kernels).ravel() for kernels in pictures])
    known = sizes[np.isfinite(sizes)]
    return float(np.percentile(known, 99)) if len(known) else 0.0


def kernel_grid(
    kernels: Kernels,
    columns: int,
    *,
    end: float,
    zoom: int = 8,
    theme: Literal["light", "dark"] = "light",
) -> NDArray[np.uint8]:
    """Kernels (height, width, n) side by side, `columns` a row: a picture uint8 (h, w, 4), RGBA.

    `end` is the absolute weight at either end of the colours (`colour_end` of all that is
    compared); a weight of zero has the colour in the middle. Each weight is a square of `zoom`
    pixels; grey lines of 2 pixels stand around each kernel, and what is left of the last row is
    transparent. Weights that are not finite are grey too. Raises ValueError unless there is at
    least one column and one pixel a weight.
    """
    if columns < 1 or zoom < 1:
        raise ValueError(f"a grid has at least one column and pixel, not {columns} and {zoom}")
    height, width, n = kernels.shape
    down, across = height * zoom + LINE_PX, width * zoom + LINE_PX
    rows = -(-n // columns)
    grid = np.zeros((rows * down + LINE_PX, min(n, columns) * across + LINE_PX, 4), np.uint8)
    coloured = _coloured(kernels, end, theme)
    for number in range(n):
        top, left = number // columns * down, number % columns * across
        grid[top : top + down + LINE_PX, left : left + across + LINE_PX] = (*rgb(OTHER), 255)
        grid[top + LINE_PX : top + down, left + LINE_PX : left + across, :3] = cv2.resize(
            coloured[:, :, number], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST
        )
    return grid


def _coloured(kernels: Kernels, end: float, theme: Literal["light", "dark"]) -> NDArray[np.uint8]:
    """Weights of any shape to colours, uint8 (..., 3), between the colours of the scale linear."""
    scale = np.array([rgb(colour) for colour in DIVERGING[theme]], np.float64)
    weights = kernels.astype(np.float64)
    place = (np.clip(weights / (end or 1.0), -1, 1) + 1) / 2 * (len(scale) - 1)
    known = np.isfinite(place)
    stops = np.arange(len(scale))
    colours = [np.interp(np.where(known, place, 0), stops, scale[:, k]) for k in range(3)]
    found = np.where(known[..., None], np.stack(colours, axis=-1), rgb(OTHER))
    return np.asarray(np.rint(found), np.uint8)


def _reshaped(weights: Sequence[NDArray[Any]], index: int, shape: tuple[int, ...]) -> Kernels:
    """One array of the weights in another shape, whose last axis it must have already."""
    if index >= len(weights):
        raise RunError(_NO_FIT)
    found = np.asarray(weights[index], np.float32)
    if found.size != np.prod(shape) or found.shape[-1] != shape[-1]:
        raise RunError(_NO_FIT)
    return found.reshape(shape)
