"""Small independent judges: each operation written out as plain loops over NumPy arrays.

They share no code with the product and are slow on purpose: a reader can check them by eye. A
picture is (height, width, channels), as in Keras.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def convolve(picture: Array, kernels: Array, bias: Array, padding: str = "valid") -> Array:
    """What deep learning calls convolution: the kernel is not flipped (a cross-correlation).

    `kernels`: (size, size, channels in, channels out).
    """
    size, _, channels, filters = kernels.shape
    if padding == "same":
        before = (size - 1) // 2
        after = size - 1 - before
        picture = np.pad(picture, ((before, after), (before, after), (0, 0)))
    height, width = picture.shape[0] - size + 1, picture.shape[1] - size + 1
    out = np.zeros((height, width, filters))
    for row in range(height):
        for col in range(width):
            for k in range(filters):
                total = bias[k]
                for channel in range(channels):
                    patch = picture[row : row + size, col : col + size, channel]
                    total += float((patch * kernels[:, :, channel, k]).sum())
                out[row, col, k] = total
    return out


def pool(picture: Array, size: int, mode: str = "max") -> Array:
    """The largest or the mean value of each square; rows and columns left over are dropped."""
    height, width = picture.shape[0] // size, picture.shape[1] // size
    out = np.zeros((height, width, picture.shape[2]))
    for row in range(height):
        for col in range(width):
            for channel in range(picture.shape[2]):
                square = picture[
                    row * size : (row + 1) * size, col * size : (col + 1) * size, channel
                ]
                out[row, col, channel] = square.max() if mode == "max" else square.mean()
    return out


def batch_norm(
    picture: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float = 1e-3
) -> Array:
    """Batch normalization at test time: with the moving mean and variance, channel by channel."""
    out = np.zeros(picture.shape)
    for channel in range(picture.shape[-1]):
        centerd = picture[..., channel] - mean[channel]
        scaled = centerd / math.sqrt(variance[channel] + epsilon)
        out[..., channel] = gamma[channel] * scaled + beta[channel]
    return out
