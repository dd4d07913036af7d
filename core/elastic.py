"""The elastic warp of Simard, Steinkraus and Platt: a digit as if it were written on rubber.

"Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis", ICDAR 2003:
each pixel gets a random displacement from -1 to 1, down and to the right, the displacements are
smoothed with a Gaussian of standard deviation sigma, then multiplied by alpha. Their best values
for MNIST were sigma 4 and alpha 34.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PAPER_SIGMA: Final = 4.0
PAPER_ALPHA: Final = 34.0


def gaussian(values: Floats, sigma: float, *, mirrored: bool = False) -> Floats:
    """Numbers (height, width) smoothed with a Gaussian of `sigma` > 0 pixels, cut at four sigma.

    Beyond the edges there are zeros or, `mirrored`, what lies inside them.
    """
    side = 2 * int(4 * sigma + 0.5) + 1
    border = cv2.BORDER_REFLECT if mirrored else cv2.BORDER_CONSTANT
    smooth = cv2.GaussianBlur(values, (side, side), sigma, borderType=border)
    return np.asarray(smooth, np.float64)


def displacements(rough: Floats, alpha: float, sigma: float) -> Floats:
    """How far each pixel is moved, in pixels, down and to the right: (2, height, width).

    `rough`: random numbers from -1 to 1 of the same shape. The paper does not say what is beyond
    the edges; mirrored, displacements do not fade out there.
    """
    return alpha * np.stack([gaussian(part, sigma, mirrored=True) for part in rough])


def warp(digit: Floats, moves: Floats) -> Floats:
    """A digit (height, width) whose pixels are each read from a place `moves` (2, ...) away.

    Between pixels the brightness is bilinear; outside is background.
    """
    rows, columns = (np.indices(digit.shape) + moves).astype(np.float32)
    seen = cv2.remap(
        digit.astype(np.float32),
        columns,
        rows,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(seen, np.float64)
