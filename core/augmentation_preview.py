"""What augmentation does to a few digits: `core.pipeline.augment` without TensorFlow, at once."""

import numpy as np
from numpy.typing import NDArray

from core.recipes import Augmentation

Floats = NDArray[np.float64]


def random_draws(n: int, seed: int) -> Floats:
    """Six numbers in [-1, 1) for each of n digits, (6, n): which way it is changed, and how far."""
    return np.random.default_rng(seed).uniform(-1, 1, (6, n))


def preview(
    digits: NDArray[np.uint8], augmentation: Augmentation, draws: Floats
) -> NDArray[np.uint8]:
    """The digits, uint8 (n, height, width), as training might see them, for these draws (6, n).

    The same maps and the same bilinear interpolation as `core.pipeline.augment`, with the draws of
    turn, shear, shift down, shift right, height and width in this order.
    """
    n, height, width = digits.shape
    turn, shear = np.radians([[augmentation.rotation], [augmentation.shear]]) * draws[:2]
    down = draws[2] * augmentation.height_shift * height
    right = draws[3] * augmentation.width_shift * width
    tall, wide = 1 + draws[4:] * augmentation.zoom

    # Output pixel to input pixel, about the centre: rotation · (shift + shear · zoom · pixel).
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    pixels = np.indices((height, width)).reshape(2, -1) - middle[:, None]
    row = tall[:, None] * pixels[0] - (np.sin(shear) * wide)[:, None] * pixels[1] + down[:, None]
    column = (np.cos(shear) * wide)[:, None] * pixels[1] + right[:, None]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    rows = cos * row - sin * column + middle[0]
    columns = sin * row + cos * column + middle[1]
    seen = _bilinear(digits.astype(np.float64), rows, columns)
    return np.rint(seen).astype(np.uint8).reshape(n, height, width)


def sheet(
    digits: NDArray[np.uint8], augmentation: Augmentation, rows: int, seed: int
) -> NDArray[np.uint8]:
    """One picture, uint8 ((1 + rows) · height, n · width): the digits, then changed ones below.

    The same seed gives the same draws, so that a stronger setting shows as more of the same change.
    """
    n = len(digits)
    changed = [preview(digits, augmentation, random_draws(n, seed + row)) for row in range(rows)]
    return np.vstack([np.hstack(list(line)) for line in (digits, *changed)])


def _bilinear(digits: Floats, rows: Floats, columns: Floats) -> Floats:
    """The brightness of each digit (n, height, width) at points (n, points) between its pixels."""
    n, height, width = digits.shape
    # A border of background on each side stands for everything outside.
    framed = np.pad(digits, ((0, 0), (1, 1), (1, 1)))
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top = np.minimum(rows.astype(np.intp), height)
    left = np.minimum(columns.astype(np.intp), width)
    low, far = rows - top, columns - left
    which = np.arange(n)[:, None]
    upper = framed[which, top, left] * (1 - far) + framed[which, top, left + 1] * far
    lower = framed[which, top + 1, left] * (1 - far) + framed[which, top + 1, left + 1] * far
    return upper * (1 - low) + lower * low
