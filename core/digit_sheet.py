"""Many digits in one picture, so that a grid of them is one small file instead of a hundred."""

import numpy as np
from numpy.typing import NDArray

from core.layer_pictures import png, png_url


def sheet_png(images: NDArray[np.uint8], columns: int) -> bytes:
    """Digits row by row as a PNG: uint8 (n, 28, 28), n > 0, to a grey picture, black on white.

    The last row is filled up with white.
    """
    return png(_digit_sheet(images, columns))


def sheet_url(images: NDArray[np.uint8], columns: int) -> str:
    """The same as an address that holds the picture itself, for a page's HTML."""
    return png_url(_digit_sheet(images, columns))


def _digit_sheet(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    n, height, width = images.shape
    rows = -(-n // columns)
    filled = np.zeros((rows * columns, height, width), np.uint8)
    filled[:n] = images
    whole = filled.reshape(rows, columns, height, width).swapaxes(1, 2)
    return np.asarray(255 - whole.reshape(rows * height, columns * width), np.uint8)
