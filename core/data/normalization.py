"""Scaling of pixel values 0..255 to the numbers that a network is fed.

The tutorials use two scalings: division by 255 (or by the maximum, which is 255), and
`keras.utils.normalize(x, axis=1)`. Our own networks subtract MNIST's mean and divide by its
standard deviation, so that the first layer sees inputs around zero.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scaling = Literal["divide-255", "l2-axis-1", "standardise"]

# Mean and standard deviation of the 47,040,000 training pixels of MNIST, as fractions of 255.
MNIST_MEAN = 0.1307
MNIST_STD = 0.3081


def scale(images: NDArray[np.uint8], scaling: Scaling) -> NDArray[np.float32]:
    """Scale digits, uint8 (n, 28, 28), to a network's input, float32 (n, 28, 28, 1).

    `l2-axis-1` is `keras.utils.normalize(images, axis=1)`: axis 1 runs down the rows, so every
    column of a digit is divided by its own length, and a thin stroke counts as much as a thick one.
    """
    pixels = images.astype(np.float32)
    if scaling == "divide-255":
        scaled = pixels / 255
    elif scaling == "standardise":
        scaled = (pixels / 255 - MNIST_MEAN) / MNIST_STD
    else:
        length = np.linalg.norm(pixels, axis=1, keepdims=True)
        # Whole pixel values: a length is 0, or at least 1.
        scaled = pixels / np.maximum(length, 1)
    return np.asarray(scaled[..., None], np.float32)
