"""Pictures of the kernel playground: the digit with the kernel's frame, the output in colours."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.palette import ANSWER, rgb

ZOOM: Final = 12
"""Pixels a side for each pixel of the digit."""
POSITIVE: Final = (33, 102, 172)
NEGATIVE: Final = (178, 24, 43)
"""The blue and the red of ColorBrewer's RdBu, on white as on paper, in both themes."""
_FRAME: Final = rgb(ANSWER)


def grey_digit(image: NDArray[np.float64], kernel: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A digit, (28, 28) from 0 to 1, black on white, with a frame: RGB, uint8.

    `kernel`: the frame's first row and column, and its side, in pixels of the digit; what lies in
    the padding is cut off, but for a border of one pixel of the digit's.
    """
    grey = np.rint(255 * (1 - image)).astype(np.uint8)
    picture = _enlarged(np.repeat(np.pad(grey, 1, constant_values=255)[..., None], 3, axis=2))
    row, column, side = kernel
    _frame(picture, row + 1, column + 1, side)
    return picture


def signed(values: NDArray[np.float64], place: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Numbers as colours, (rows, columns) to RGB uint8: white 0, blue positive, red negative.

    The strongest colour is the largest magnitude. `place`: a cell to be framed.
    """
    largest = float(np.abs(values).max()) or 1.0
    amount = np.abs(values)[..., None] / largest
    colour = np.where(values[..., None] >= 0, POSITIVE, NEGATIVE)
    picture = _enlarged(np.rint(255 + (colour - 255) * amount).astype(np.uint8))
    if place:
        _frame(picture, *place, 1)
    return picture


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)


def _frame(picture: NDArray[np.uint8], row: int, column: int, side: int) -> None:
    top, left = max(row * ZOOM, 0), max(column * ZOOM, 0)
    bottom = min((row + side) * ZOOM, picture.shape[0])
    right = min((column + side) * ZOOM, picture.shape[1])
    for part in (
        (slice(top, top + 2), slice(left, right)),
        (slice(bottom - 2, bottom), slice(left, right)),
        (slice(top, bottom), slice(left, left + 2)),
        (slice(top, bottom), slice(right - 2, right)),
    ):
        picture[part] = _FRAME
