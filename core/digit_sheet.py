"""Many digits in one picture, so that a grid of them is one small file instead of a hundred."""

import base64

import cv2
import numpy as np
from numpy.typing import NDArray


def sheet_png(images: NDArray[np.uint8], columns: int) -> bytes:
    """Digits row by row as a PNG: uint8 (n, 28, 28), n > 0, to a grey picture, black on white.

    The last row is filled up with white.
    """
    n, height, width = images.shape
    rows = -(-n // columns)
    filled = np.zeros((rows * columns, height, width), np.uint8)
    filled[:n] = images
    whole = filled.reshape(rows, columns, height, width).swapaxes(1, 2)
    done, png = cv2.imencode(".png", 255 - whole.reshape(rows * height, columns * width))
    if not done:
        raise RuntimeError("OpenCV cannot write PNG files here")
    return png.tobytes()


def sheet_url(images: NDArray[np.uint8], columns: int) -> str:
    """The same as an address that holds the picture itself, for a page's HTML."""
    return f"data:image/png;base64,{base64.b64encode(sheet_png(images, columns)).decode()}"
